"""*Segment*: an image layer becomes a labels layer, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_unet.gui.evaluate.form import EvaluateForm
from napari_unet.gui.files.save_button import SaveLabelsButton
from napari_unet.gui.layers.placement import on_screen
from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.objects.measuring import TOO_LARGE, Measuring
from napari_unet.gui.objects.rethreshold import Rethreshold
from napari_unet.gui.segment.following import FollowingPreview
from napari_unet.gui.segment.network import NetworkInUse
from napari_unet.gui.segment.plan_row import PlanRow
from napari_unet.gui.segment.run import SegmentRun
from napari_unet.gui.segment.size import SizeRow
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.command_button import CommandButton
from napari_unet.gui.widgets.fields import button, folded, folded_away, form, offer
from napari_unet.gui.widgets.image_form import ImageForm
from napari_unet.gui.widgets.panel import Panel
from napari_unet.gui.widgets.segment_form import ADVANCED, OBJECTS, RESULT_FOLLOWS, SegmentForm

if TYPE_CHECKING:
    import napari

    from napari_unet.core.image.axes import Box
    from napari_unet.core.model.spec import Model
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.objects.measuring import Numbered
    from napari_unet.gui.session.session import Session
    from napari_unet.services.segmentation.options import SegmentOptions

SEGMENT_TIP = "Segment the whole image, all its planes and time points."
CENTRES_TIP = "Add a points layer with the centre of each object, its size and its brightness."
NO_CENTRES = (
    "No objects have been measured yet. Press Segment, with “number objects” for a U-Net of classes. "
    f"{TOO_LARGE}"
)
ANEW = (
    "Press Segment to see the effect. A result follows the settings by itself unless it was painted on, "
    "shows something else, or is very large (32 million pixels or more)."
)
PREVIEW_TIP = (
    "Segment only the part that is on the screen. If that takes less than a third of a second, the "
    "preview follows the view and the settings until you press Segment."
)
OUTPUT_TIP = (
    "Labels: the class or object of each pixel. Probabilities: an image layer for each class."
)
OUTPUTS = [("Labels", False), ("Labels and probabilities", True)]
"""Entries of the choice, and whether each includes probabilities."""
NONE_FOUND = "No objects found: another U-Net, or another diameter, may suit the image better."


class SegmentPanel(Panel):
    """Choice of image, axes, channels and settings; *Preview*, *Segment*, *Cancel*.

    Parameters
    ----------
    viewer
        The viewer.
    session
        What the panels share.
    keeper
        Journals the annotations.
    """

    HEIGHT = 430

    def __init__(self, viewer: napari.Viewer, session: Session, keeper: PaintKeeper) -> None:
        super().__init__(viewer, session)
        self.keeper = keeper
        self.network = NetworkInUse(self)
        self.settings = SegmentForm(session.settings, self)
        self.output = Choice(OUTPUTS, tooltip=OUTPUT_TIP)
        self.preview_button = button("Preview", PREVIEW_TIP)
        self.segment_button = button("Segment", SEGMENT_TIP, main=True)
        self.rows, self.advanced_rows, self.object_rows = form(), form(), form()
        self.model_row = ModelRow(session, self.network.label, "Segment")
        self.rows.addRow("U-Net", self.model_row)
        self.image = ImageForm(viewer, self.rows)
        self.network.follow(self.image)
        self.size = SizeRow(self, viewer, self.settings, self.image)
        self.size.add_row(self.rows)
        self.rows.addRow("Result", self.output.native)
        self.settings.add_rows(self.object_rows, *OBJECTS)
        self.settings.add_rows(self.advanced_rows, *ADVANCED)
        self.rethreshold = Rethreshold(self, viewer)
        self.measuring = Measuring(self, viewer)
        self.centres_button = button("Centres as points", CENTRES_TIP)
        self.object_rows.addRow("", self.centres_button)
        self.command_button = CommandButton(self, self._command_line, "Press Segment first.")
        self.advanced_rows.addRow("", self.command_button)
        self.save_button = SaveLabelsButton(self, lambda: self._last and self._last[0].layer)
        self.evaluation = EvaluateForm(self)
        self.plan = PlanRow(self, self.settings, self.image, self.chosen)
        self.following = FollowingPreview(self, self.settings, self.image, self.chosen)
        self._newest: SegmentRun | None = None
        self._numbered: Numbered | None = None
        self._last: tuple[SegmentRun, str] | None = None
        self._lay_out()
        self._connect()
        self._fit_model(self.session.model)

    def _lay_out(self) -> None:
        self.body.addLayout(self.rows)
        self.body.addWidget(folded("Objects and threshold", self.object_rows))
        self.body.addWidget(folded("Advanced", self.advanced_rows))
        self.foot.add(self.preview_button)
        self.foot.add(self.segment_button)
        self.body.addWidget(folded_away("How good is it?", self.evaluation))
        self.body.addWidget(self.save_button)
        # last, as it comes and goes by itself
        self.body.addWidget(self.plan.label)
        self.body.addStretch(1)

    def _connect(self) -> None:
        self.preview_button.clicked.connect(self._preview)
        self.segment_button.clicked.connect(self._segment)
        self.size.show_button.clicked.connect(self._show_size)
        self.size.failed.connect(self.foot.message.show_error)
        self.session.model_changed.connect(self._fit_model)
        self.foot.speak_of(self.image.layers)
        for name in RESULT_FOLLOWS:
            self.settings[name].changed.connect(self._relabel)
        self.settings.objects.changed.connect(self._say_anew)
        self.session.jobs.ended.connect(self._take_found)
        self.rethreshold.settled.connect(self._note_followed)
        self.rethreshold.failed.connect(self.foot.message.show_error)
        self.measuring.failed.connect(self.foot.message.show_error)
        self.centres_button.clicked.connect(self.measuring.show_points)
        self.measuring.changed.connect(self._offer_centres)
        self.measuring.changed.connect(self._tell_count)
        self._offer_centres()

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        self.settings.let_go()
        self.image.let_go()
        self.size.let_go()
        self.rethreshold.let_go()
        self.measuring.let_go()
        self.evaluation.let_go()
        self.following.let_go()
        self.plan.let_go()

    def _fit_model(self, model: Model | None) -> None:
        spec = model.spec if model is not None else None
        self.image.fit_model(spec)
        self.settings.fit_model(spec)
        # the result was made with another model
        self.rethreshold.take(None)
        self.plan.renew()

    def chosen(self) -> SegmentOptions:
        """Return the options that are set in the form."""
        changes = {"channels": self.image.chosen_channels(), "probabilities": self.output.value}
        return self.settings.value().model_copy(update=changes)

    def put(self, options: SegmentOptions) -> None:
        """Set the form to these options."""
        self.output.value = options.probabilities
        self.settings.put(options.model_copy(update={"channels": None, "probabilities": False}))
        for choice, channel in zip(self.image.channels, options.channels or (), strict=False):
            if channel in choice.choices:
                choice.value = channel

    def _segment(self) -> None:
        self._with_model(lambda: self._run("labels"))

    def _preview(self) -> None:
        self._with_model(lambda: self._run("preview"))

    def _show_size(self) -> None:
        def show() -> None:
            assert self.session.model is not None
            with self.reporting():
                self.size.show(self.session.model, self.chosen(), self.session.jobs)

        self._with_model(show)

    def _with_model(self, then: Any) -> None:
        """Continue at once, or load the U-Net that suits the image best first if none is loaded."""
        with self.reporting():
            self.image.image()
            self.network.load_first(then)

    def _run(self, title: str) -> None:
        model, layer = self.session.model, self.image.layer
        assert model is not None
        with self.reporting():
            image = self.image.image()
            assert layer is not None
            region: Box | None = None
            if title == "preview":
                region = on_screen(self.viewer, layer, image, model.spec.axes)
            options = self.chosen()
            run = SegmentRun(
                self.viewer, layer, image, model, options, region, loaded_from=self.session.source
            )
            run.check(self.session.jobs)
            self.following.expect(run if region is not None else None)
            if region is None:
                self.session.cached_outputs, self.session.options = None, options
                # its layer may be reused
                self._last = None
                self.rethreshold.take(None)
                self.measuring.forget()
                self._newest = run
            run.start(self.session.jobs)

    def _take_found(self) -> None:
        """Let the objects follow the settings once a run has ended."""
        QTimer.singleShot(0, self._follow_newest)

    def _follow_newest(self) -> None:
        self.size.show_estimate()
        self.following.begin()
        if self._newest is not None and not self.session.jobs.running:
            if self._newest.complete:
                self.evaluation.form.suggest(self._newest.layer)
                self._last = self._newest, self.session.source
                self.session.cached_outputs = self._newest.cached_outputs
                # later strokes are journaled even if no other panel is open
                self._newest.journal_paint(self.keeper)
            self._numbered = self._newest.numbered
            self.rethreshold.take(self._newest.segmented_layer)
            self._newest = None
            self._measure()

    def _measure(self) -> None:
        if self._numbered is not None:
            self.measuring.start(self._numbered)

    def _note_followed(self) -> None:
        current = self.rethreshold.current
        if current is not None:
            self.evaluation.view.note_change(current.result.layer)
        if self.foot.message.kind == "caution":
            # it was about the result with the settings before
            self.foot.message.clear()
        self._measure()

    def _tell_count(self) -> None:
        if self.measuring.columns is None:
            return
        n = self.measuring.count
        if n or self.foot.message.kind != "caution":
            self.foot.message.add(f"{n:,} object{'s' * (n != 1)}" if n else NONE_FOUND)

    def _offer_centres(self) -> None:
        offer(self.centres_button, CENTRES_TIP, "" if self.measuring.count else NO_CENTRES)

    def _relabel(self) -> None:
        if not self.rethreshold.follow(self.chosen()):
            self._say_anew()

    def _say_anew(self) -> None:
        """Explain how a setting takes effect if the result on screen does not follow it."""
        if self._last is not None:
            self.foot.message.show_text("note", ANEW)

    def _command_line(self) -> str | None:
        if self._last is None:
            return None
        run, model = self._last
        return run.command(model)
