"""*Fine-tune*: from an annotated image to a better U-Net, which is kept only if wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.gui.finetune.curves import Curves
from napari_unet.gui.finetune.form.form import FinetuneForm
from napari_unet.gui.finetune.form.request import vary_job
from napari_unet.gui.finetune.live_preview import LivePreview
from napari_unet.gui.finetune.outcome import TrainingOutcome
from napari_unet.gui.finetune.resume_offer import ResumeOffer
from napari_unet.gui.finetune.run import TrainingRun
from napari_unet.gui.finetune.variations import show_variations
from napari_unet.gui.journal.restore_offer import RestoreOffer
from napari_unet.gui.session.responsiveness import in_slices
from napari_unet.gui.widgets.fields import button, text
from napari_unet.gui.widgets.foot import show_in_turn
from napari_unet.gui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.training.options import FinetuneOptions

STOP_TIP = "Stop now with the best network so far; you then see how it compares."
CANCEL_TIP = "Stop without a network. A cancelled training can be resumed for a while."
KEEP_PAINTING = (
    "Keep painting: it is learnt from the next check on. The layer “… learning” shows the progress."
)
PAINT_MEANWHILE = "You can go on painting: it is learnt from the next check on."


class FinetunePanel(Panel):
    """The form; curves during training; then the comparison of the new network with the old one.

    Parameters
    ----------
    viewer
        The viewer whose annotated images are learnt from.
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
        self.settings = self.form.settings
        self.restore_offer = RestoreOffer(
            self.keeper.restoring, lambda: self.form.pairs.first.image.layer
        )
        self.resume_offer = ResumeOffer()
        self.curves = Curves()
        self.progress_label = text()
        self.stop_button = button("Stop and keep the best", STOP_TIP)
        self.training_box = QWidget()
        self.outcome = TrainingOutcome(self)
        self.foot.cancel.setToolTip(CANCEL_TIP)
        self._run: TrainingRun | None = None
        self._lay_out()
        self._connect()
        self.session.training_files.forget_old()
        self._keep_paint()
        self._attach(cast("TrainingRun | None", self.session.training))

    def _lay_out(self) -> None:
        live = QVBoxLayout(self.training_box)
        live.setContentsMargins(0, 0, 0, 0)
        for part in (self.progress_label, self.curves):
            live.addWidget(part)
        parts = (
            self.outcome.suspects_button,
            self.restore_offer,
            self.form,
            self.resume_offer,
            self.outcome.comparison,
            self.training_box,
            self.outcome.command_button,
        )
        for part in parts:
            self.body.addWidget(part)
        self.body.addStretch(1)
        self.foot.add(self.form.learn_button, self.stop_button, self.outcome.back_button)
        self.foot.add(
            self.form.train_button,
            self.outcome.comparison.keep_button,
            self.outcome.segment_button,
        )

    def _connect(self) -> None:
        self.form.train_button.clicked.connect(self._train)
        self.form.learn_button.clicked.connect(self._learn)
        self.form.preview_button.clicked.connect(self._preview)
        self.form.changed.connect(self._look_for_state)
        self.form.changed.connect(self._keep_paint)
        self.form.changed.connect(self.restore_offer.look)
        # what was offered after the last training gives way
        self.form.changed.connect(self._show_buttons)
        self.session.jobs.started.connect(self._show_buttons)
        self.keeper.restoring.restored.connect(self.form.pairs.first.labels.choose)
        self.restore_offer.refused.connect(self.foot.message.show_error)
        self.resume_offer.resume_button.clicked.connect(self._resume)
        self.stop_button.clicked.connect(self._stop)
        self.outcome.decided.connect(self._finish)
        self.outcome.segment_button.clicked.connect(lambda: self.outcome.give_way(self._segment))

    def let_go(self) -> None:
        """Stop listening to the viewer; a training goes on, and shows when the panel is reopened."""
        self.outcome.let_go()
        self.form.let_go()

    @property
    def busy(self) -> bool:
        """Whether it is training, or a trained network waits to be kept or discarded."""
        return self._run is not None and (self._run.running or self._run.result is not None)

    def chosen(self) -> FinetuneOptions:
        """Return the options that are set in the form."""
        return self.form.settings.value()

    def put(self, options: FinetuneOptions) -> None:
        """Set the form to these options."""
        self.form.settings.put(options)

    def _train(self) -> None:
        self._with_model(lambda: self._begin(resume=False))

    def _learn(self) -> None:
        self._with_model(lambda: self._begin(resume=False, keep=True))

    def _resume(self) -> None:
        self._with_model(lambda: self._begin(resume=True))

    def _with_model(self, then: Callable[[], None]) -> None:
        """Go on at once, or once the default model is loaded."""
        with self.reporting():
            self.form.request()
            if self.form.needs_model:
                self.session.load(self.session.suggestions.first, then)
            else:
                then()

    def _begin(self, resume: bool, keep: bool = False) -> None:
        with self.reporting():
            request, state = self.form.request(), self.form.state()
            assert state is not None
            jobs = self.session.jobs
            jobs.check_idle(gives_way=keep)
            preview = LivePreview(self.viewer, request.pairs[0], request.spatial) if keep else None
            run = TrainingRun(jobs, request, "Learning" if keep else "Training", state, preview)
            lines = (
                self.form.summary.summary_label.text(),
                KEEP_PAINTING if keep else PAINT_MEANWHILE,
            )
            self.progress_label.setText("<br>".join(filter(None, lines)))
            self._drop()
            self.outcome.withdraw()
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
            self._run.stepped.disconnect(self._take_step)
            self._run.annotation_taken.disconnect(self._say_annotation_taken)
        self._run = self.session.training = run
        self.curves.show_run(run)
        self.outcome.follow(run)
        if run is not None:
            run.changed.connect(self._show_state)
            run.stepped.connect(self._take_step)
            run.annotation_taken.connect(self._say_annotation_taken)
        self._show_state()

    def _show_state(self) -> None:
        if self._run is not self.session.training:
            # another panel has decided on it
            self._attach(cast("TrainingRun | None", self.session.training))
            return
        run = self._run
        running = run is not None and run.running
        self.form.setVisible(not self.busy)
        self.training_box.setVisible(self.busy)
        self.stop_button.setEnabled(running and run is not None and run.can_stop)
        self.progress_label.setVisible(running)
        self.outcome.show()
        self._show_buttons()
        self._look_for_state()

    def _show_buttons(self) -> None:
        """Show the buttons for what can be done now.

        *Stop* stays when the training ends by itself, disabled: a click meant for it hits nothing else.
        """
        form, outcome, run = self.form, self.outcome, self._run
        decide = run is not None and run.result is not None
        main = outcome.comparison.keep_button if decide else form.train_button
        form.train_button.setEnabled(not self.busy)
        show_in_turn(self.stop_button if self.busy else form.learn_button)
        show_in_turn(main)

    def _take_step(self, _: object) -> None:
        run = self._run
        if run is None:
            return
        self.stop_button.setEnabled(run.running and run.can_stop)
        if run.restarted:
            run.restarted = False
            self.progress_label.setText(
                "The images, the settings or the U-Net have changed since the interruption, so training "
                "started from the beginning."
            )

    def _say_annotation_taken(self) -> None:
        self.progress_label.setText("New annotations are learnt from the next check on.")

    def _stop(self) -> None:
        if self._run is not None:
            self._run.stop()

    def _finish(self, words: str) -> None:
        """Go back to the form."""
        self._drop()
        self.session.jobs.reported.emit(words)

    def _drop(self) -> None:
        run = self._run
        self._attach(None)
        if run is not None:
            run.forget()
            run.deleteLater()
            # its state is gone with it
            self._look_for_state()

    def _look_for_state(self) -> None:
        self.resume_offer.look(None if self.busy else self.form.state())

    def _keep_paint(self) -> None:
        """Journal the annotations that are chosen."""
        for labels, source in self.form.pairs.fitting():
            self.keeper.keep(labels, source)

    def _segment(self) -> None:
        layer = self.form.pairs.first.image.layer
        panel: Any = self.session.open_panel("Segment")
        if layer is not None:
            panel.image.layers.choose(layer)
        panel.segment_button.click()
