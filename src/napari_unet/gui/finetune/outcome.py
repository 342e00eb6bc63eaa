"""What becomes of a trained network: it is compared, kept or discarded, and used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.gui.finetune.command import TrainingCommand
from napari_unet.gui.finetune.comparison import Comparison
from napari_unet.gui.finetune.difference import show_difference
from napari_unet.gui.finetune.run import comparable_parent
from napari_unet.gui.layers.images import selection_kept
from napari_unet.gui.layers.placement import on_screen
from napari_unet.gui.widgets.fields import button
from napari_unet.gui.widgets.foot import show_in_turn
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.finetune.form.request import Request
    from napari_unet.gui.finetune.run import TrainingRun
    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.gui.session.worker import Task
    from napari_unet.gui.widgets.panel import Panel

BACK_TIP = "Use the previous U-Net again; the new one stays in the library."
SUSPECTS_TIP = (
    "Open Annotate, and list the annotations that the new U-Net disagrees with most: some of them may "
    "be mistakes."
)
SEGMENT_TIP = "Segment the whole image with the U-Net that is in use now, in Segment."


class TrainingOutcome(QObject):
    """The comparison of the new network with the old one, and what follows from each choice.

    Parameters
    ----------
    panel
        The panel whose training it is; errors are shown at its foot. It lays the widgets out.

    Attributes
    ----------
    comparison
        The scores, and the choices.
    segment_button, back_button, suspects_button, command_button
        What is offered once a network was kept.
    """

    decided = Signal(str)
    """A choice was made, and the training is over; what to say of it."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self._panel = panel
        self._session = panel.session
        self._run: TrainingRun | None = None
        self._pair: LayerPair | None = None
        self._gone = False
        self._view: Task | None = None
        self._then: Callable[[], None] | None = None
        self.comparison = Comparison()
        self.segment_button = button("Segment again", SEGMENT_TIP, main=True)
        self.back_button = button("", BACK_TIP)
        self.suspects_button = button("Suspect annotations…", SUSPECTS_TIP)
        self.suspects_button.hide()
        self.command_button = TrainingCommand(panel)
        self.comparison.decided.connect(self._decide)
        self.comparison.difference_wanted.connect(self._show_difference)
        self.back_button.clicked.connect(self._go_back)
        self.suspects_button.clicked.connect(self._review)
        self._session.jobs.ended.connect(self._end_view)

    def follow(self, run: TrainingRun | None) -> None:
        """Be about this training from now on."""
        self._run = run

    def show(self) -> None:
        """Show the comparison, if the training has a result."""
        run = self._run
        result = None if run is None else run.result
        self.comparison.setVisible(result is not None)
        if run is not None and result is not None:
            self.comparison.show_result(result, comparable_parent(run))

    def withdraw(self) -> None:
        """Offer no longer what is about the last training."""
        self.command_button.withdraw()
        self.suspects_button.hide()

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self._gone, self._then = True, None
        self.command_button.let_go()

    def _decide(self, choice: str) -> None:
        run = self._run
        if run is None or run.result is None:
            return
        with self._panel.reporting():
            if choice == "longer":
                run.start()
            elif choice == "discard":
                self.decided.emit("The new network was discarded; the old one is unchanged.")
            else:
                current = choice == "keep"
                self._session.keep_new(
                    run.result.model, lambda name: self._kept(name, current), current=current
                )

    def _kept(self, name: str, current: bool) -> None:
        if self._gone:
            self._session.training = None
            return
        run = self._run
        message = f"“{name}” is used from now on." if current else f"“{name}” is in the library."
        if run is not None:
            self.command_button.offer(run, name)
            self._pair = run.request.pairs[0]
            self.suspects_button.setVisible(current and self._pair.kind == "objects")
        self.decided.emit(message)
        if current and run is not None:
            self._segment_view(run.request, message)
        show_in_turn(self.segment_button)
        if current and self._session.earlier:
            # its name is often too long for the place
            self.back_button.setText("Back to the old one")
            earlier = Path(self._session.earlier).stem
            self.back_button.setToolTip(f"“{earlier}”. {BACK_TIP}")
            show_in_turn(self.back_button)

    def _segment_view(self, request: Request, message: str) -> None:
        """Segment what is on the screen with the network that was kept."""
        # only now, as it imports what divides objects
        from napari_unet.gui.layers.visibility import show_alone
        from napari_unet.gui.segment.run import SegmentRun

        viewer, pair, model = self._panel.viewer, request.pairs[0], self._session.model
        if not pair.is_open(viewer) or model is None:
            return
        options = SegmentOptions(channels=request.options.channels)
        with self._panel.reporting(), selection_kept(viewer):
            region = on_screen(viewer, pair.source, pair.image, model.spec.axes)
            run = SegmentRun(viewer, pair.source, pair.image, model, options, region, message)
            run.check(self._session.jobs)
            show_alone(viewer, pair.source, None)
            self._view = run.start(self._session.jobs)

    def give_way(self, then: Callable[[], None]) -> None:
        """Do something once what is on the screen is segmented no longer, which is ended now."""
        if self._view is None:
            then()
            return
        self._then = then
        self._session.jobs.cancel(self._view)

    def _end_view(self) -> None:
        # it is the only one that runs while it does
        then, self._view, self._then = self._then, None, None
        if then is not None:
            # what follows the end of a job comes first
            QTimer.singleShot(0, then)

    def _show_difference(self) -> None:
        run = self._run
        result = None if run is None else run.result
        if run is None or result is None or result.trainer.setup.parent is None:
            return
        with self._panel.reporting():
            show_difference(
                self._panel.viewer,
                self._session.jobs,
                run.request.pairs[0],
                result.trainer.setup.parent,
                result.model,
                run.request.options.channels,
            )

    def _review(self) -> None:
        if self._pair is None or not self._pair.is_open(self._panel.viewer):
            return
        with self._panel.reporting():
            annotate: Any = self._session.open_panel("Annotate")
            annotate.review_suspects(self._pair.labels)

    def _go_back(self) -> None:
        with self._panel.reporting():
            self._session.back()
