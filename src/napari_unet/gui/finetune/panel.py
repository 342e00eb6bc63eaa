"""*Fine-tune*: from paint on an image to a better U-Net, which is kept only if it is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.gui.finetune.command import TrainingCommand
from napari_unet.gui.finetune.comparison import Comparison
from napari_unet.gui.finetune.curves import Curves
from napari_unet.gui.finetune.difference import show_difference
from napari_unet.gui.finetune.form.form import FinetuneForm
from napari_unet.gui.finetune.form.request import vary_job
from napari_unet.gui.finetune.live_preview import LivePreview
from napari_unet.gui.finetune.resume_offer import ResumeOffer
from napari_unet.gui.finetune.run import TrainingRun, comparable_parent
from napari_unet.gui.finetune.variations import show_variations
from napari_unet.gui.journal.restore_offer import RestoreOffer
from napari_unet.gui.layers.images import selection_kept
from napari_unet.gui.layers.placement import on_screen
from napari_unet.gui.session.responsiveness import in_slices
from napari_unet.gui.widgets.fields import button, text
from napari_unet.gui.widgets.panel import Panel
from napari_unet.services.library import DEFAULT
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Layer

    from napari_unet.gui.finetune.form.request import Request
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.training.options import FinetuneOptions

STOP_TIP = "Stop now and keep the best network so far; you then see how it compares."
CANCEL_TIP = "Stop. A training that is cancelled gives no network, but can be resumed for a while."
BACK_TIP = "Use the U-Net again that was in use before; the new one stays in the library."
SEGMENT_TIP = "Open Segment, to segment the image with the U-Net that is loaded now."
PAINT_ON = (
    "Paint on: it is learnt from the next check on, and the layer “… learning” shows how far."
)
MEANWHILE = "Go on painting if you like: it is learnt from the next check on."


class FinetunePanel(Panel):
    """Form, curves while it trains, and then the comparison of the new network with the old one.

    Parameters
    ----------
    viewer
        The viewer whose images it learns from.
    session
        What it shares with the other panels.
    keeper
        Journals what is painted.
    """

    HEIGHT = 700

    def __init__(self, viewer: napari.Viewer, session: Session, keeper: PaintKeeper) -> None:
        super().__init__(viewer, session)
        self.keeper = keeper
        self.form = FinetuneForm(viewer, self.session)
        self.restorable = RestoreOffer(self.keeper)
        self.interrupted = ResumeOffer()
        self.curves = Curves()
        self.learning = text()
        self.stop = button("Stop and keep the best", STOP_TIP)
        self.live = QWidget()
        self.comparison = Comparison()
        self.segment = button("Segment…", SEGMENT_TIP, main=True)
        self.back = button("", BACK_TIP)
        self.command = TrainingCommand(self)
        for one in (self.segment, self.back):
            one.setVisible(False)
        self.foot.cancel.setToolTip(CANCEL_TIP)
        self._run: TrainingRun | None = None
        self._gone = False
        self._lay_out()
        self._connect()
        self.session.training_files.forget_old()
        self._keep_paint()
        self._attach(cast("TrainingRun | None", self.session.training))

    def _lay_out(self) -> None:
        live = QVBoxLayout(self.live)
        live.setContentsMargins(0, 0, 0, 0)
        for part in (self.learning, self.curves, self.stop):
            live.addWidget(part)
        parts = (
            self.restorable,
            self.form,
            self.interrupted,
            self.live,
            self.comparison,
            self.foot,
            self.segment,
            self.back,
            self.command,
        )
        for part in parts:
            self.body.addWidget(part)
        self.body.addStretch(1)

    def _connect(self) -> None:
        self.form.train.clicked.connect(self._train)
        self.form.learn.clicked.connect(self._learn)
        self.form.preview.clicked.connect(self._preview)
        self.form.changed.connect(self._look_for_state)
        self.form.changed.connect(self._keep_paint)
        self.keeper.restored.connect(self._choose)
        self.restorable.refused.connect(self.foot.message.show_error)
        self.interrupted.resume.clicked.connect(self._resume)
        self.stop.clicked.connect(self._stop)
        self.comparison.decided.connect(self._decide)
        self.comparison.difference_wanted.connect(self._show_difference)
        self.back.clicked.connect(self._go_back)
        self.segment.clicked.connect(self._open_segment)
        self.session.jobs.started.connect(self.segment.hide)
        self.session.jobs.started.connect(self.back.hide)

    def let_go(self) -> None:
        """Listen to the viewer no more; a training goes on, and is there when opened again."""
        self._gone = True
        self.command.let_go()
        self.form.let_go()

    @property
    def busy(self) -> bool:
        """Whether it trains, or a trained network waits to be kept or dropped."""
        return self._run is not None and (self._run.running or self._run.result is not None)

    def settings(self) -> FinetuneOptions:
        """Return the options as they stand in the form."""
        from napari_unet.services.training.options import FinetuneOptions

        return FinetuneOptions(**self.form.training.values())

    def put(self, options: FinetuneOptions) -> None:
        """Set what options say."""
        self.form.training.put(options)

    def _train(self) -> None:
        self._with_model(lambda: self._begin(resume=False))

    def _learn(self) -> None:
        self._with_model(lambda: self._begin(resume=False, keep=True))

    def _resume(self) -> None:
        self._with_model(lambda: self._begin(resume=True))

    def _with_model(self, then: Callable[[], None]) -> None:
        """Go on at once, or after the model that a new user starts with is loaded."""
        with self.reporting():
            self.form.request()
            if self.form.needs_model:
                self.session.load(DEFAULT, then)
            else:
                then()

    def _begin(self, resume: bool, keep: bool = False) -> None:
        with self.reporting():
            request, state = self.form.request(), self.form.state()
            assert state is not None
            jobs = self.session.jobs
            jobs.check_idle(gives_way=keep)
            preview = LivePreview(self.viewer, request.pairs[0], request.spatial) if keep else None
            # short, as steps and their pace stand beside it
            run = TrainingRun(jobs, request, "Learning" if keep else "Training", state, preview)
            meanwhile = PAINT_ON if keep else MEANWHILE
            known = self.form.lookout.summary.text(), meanwhile
            self.learning.setText("<br>".join(filter(None, known)))
            self._drop()
            self.command.withdraw()
            self._attach(run)
            run.start(resume=resume)

    def _preview(self) -> None:
        with self.reporting():
            request = self.form.request()
            pair = request.pairs[0]

            def show(outcome: Outcome[Any]) -> None:
                if outcome.result is not None:
                    axes = pair.image.axes
                    pieces = show_variations(self.viewer, pair.source, axes, outcome.result)
                    in_slices(self, pieces)

            self.session.jobs.start("Varying patches", vary_job(request), on_end=show)

    def _attach(self, run: TrainingRun | None) -> None:
        """Show a training, or the form if there is none."""
        if self._run is not None:
            self._run.changed.disconnect(self._show_state)
            self._run.stepped.disconnect(self._take)
            self._run.annotation_taken.disconnect(self._say_paint_taken)
        self._run = self.session.training = run
        self.curves.show_run(run)
        if run is not None:
            run.changed.connect(self._show_state)
            run.stepped.connect(self._take)
            run.annotation_taken.connect(self._say_paint_taken)
        self._show_state()

    def _show_state(self) -> None:
        if self._run is not self.session.training:
            # another panel has decided on it
            self._attach(cast("TrainingRun | None", self.session.training))
            return
        run = self._run
        running = run is not None and run.running
        result = None if run is None else run.result
        self.form.setVisible(not self.busy)
        self.live.setVisible(self.busy)
        self.stop.setVisible(running)
        self.stop.setEnabled(run is not None and run.can_stop)
        self.learning.setVisible(running)
        self.comparison.setVisible(result is not None)
        if run is not None and result is not None:
            self.comparison.show_result(result, comparable_parent(run))
        self._look_for_state()

    def _take(self, _: object) -> None:
        run = self._run
        if run is None:
            return
        self.stop.setEnabled(run.can_stop)
        if run.restarted:
            run.restarted = False
            self.learning.setText(
                "The images, the settings or the U-Net have changed since it was interrupted: it has "
                "started anew."
            )

    def _say_paint_taken(self) -> None:
        self.learning.setText("New paint was taken up; it is learnt from the next check on.")

    def _stop(self) -> None:
        if self._run is not None:
            self._run.stop()

    def _decide(self, word: str) -> None:
        run = self._run
        if run is None or run.result is None:
            return
        with self.reporting():
            if word == "longer":
                run.start()
            elif word == "discard":
                self._finish("The new network was dropped; the old one is as it was.")
            else:
                current = word == "keep"
                self.session.keep_new(
                    run.result.model, lambda name: self._kept(name, current), current=current
                )

    def _show_difference(self) -> None:
        run = self._run
        result = None if run is None else run.result
        if run is None or result is None or result.trainer.parent is None:
            return
        with self.reporting():
            show_difference(
                self.viewer,
                self.session.jobs,
                run.request.pairs[0],
                result.trainer.parent,
                result.model,
                run.request.channels,
            )

    def _go_back(self) -> None:
        with self.reporting():
            self.session.back()

    def _kept(self, name: str, current: bool) -> None:
        if self._gone:
            self.session.training = None
            return
        use = "is used from now on" if current else "lies in the library"
        request = None if self._run is None else self._run.request
        if self._run is not None:
            self.command.offer(self._run, name)
        words = f"“{name}” {use}."
        self._finish(words)
        if current and request is not None:
            self._show_new(request, words)
        self.segment.setVisible(True)
        self.back.setText(f"Back to “{Path(self.session.earlier).stem}”")
        self.back.setVisible(current and bool(self.session.earlier))

    def _show_new(self, request: Request, words: str) -> None:
        """Segment what is on the screen with the network that was kept."""
        # only now, as it brings what divides objects
        from napari_unet.gui.layers.visibility import show_alone
        from napari_unet.gui.segment.run import SegmentRun

        pair, model = request.pairs[0], self.session.model
        if not pair.is_open(self.viewer) or model is None:
            return
        options = SegmentOptions(channels=request.channels)
        with self.reporting(), selection_kept(self.viewer):
            region = on_screen(self.viewer, pair.source, pair.image, model.spec.axes)
            run = SegmentRun(self.viewer, pair.source, pair.image, model, options, region, words)
            run.check(self.session.jobs)
            show_alone(self.viewer, pair.source, None)
            run.start(self.session.jobs)

    def _finish(self, words: str) -> None:
        """Go back to the form."""
        self._drop()
        self.session.jobs.said.emit(words)

    def _drop(self) -> None:
        run = self._run
        self._attach(None)
        if run is not None:
            run.forget()
            run.deleteLater()
            # its state is gone with it
            self._look_for_state()

    def _look_for_state(self) -> None:
        self.interrupted.look(None if self.busy else self.form.state())

    def _keep_paint(self) -> None:
        for labels, source in self.form.pairs.fitting():
            self.keeper.keep(labels, source)

    def _choose(self, labels: Layer) -> None:
        self.form.pairs.first.labels.choose(labels)

    def _open_segment(self) -> None:
        layer = self.form.pairs.first.image.layer
        panel = self.session.open_panel("Segment")
        if layer is not None:
            panel.image.layers.choose(layer)
