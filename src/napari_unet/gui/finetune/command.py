"""*Copy as command* of a training: writes the annotations into files, and copies the line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.widgets.command_button import CommandButton

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.gui.finetune.run import TrainingRun
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.panel import Panel

TRAINING_TIP = (
    "Copy the command that trains the same network again, to paste it into a terminal or a lab book. "
    "Your annotations are written into files for it, in a folder beside your library, unless they are "
    "in files already."
)


@dataclass(frozen=True)
class _Kept:
    """A training whose network was kept."""

    annotations: tuple[Annotation, ...]
    layers: tuple[tuple[Layer, Layer], ...]
    files: tuple[tuple[Path, Path], ...]
    spec: ModelSpec
    name: str
    parent: str
    folder: Path


class TrainingCommand(CommandButton):
    """Offered once a network was kept, while the layers that it learnt from are open.

    Parameters
    ----------
    panel
        The panel whose training is repeated.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel, self._wanted, "Press Train, and keep the new network.")
        self.setToolTip(TRAINING_TIP)
        self._kept: _Kept | None = None
        self._line = ""
        self._writer = Jobs(self)
        self._removed = panel.viewer.layers.events.removed
        self._removed.connect(self._look)
        self.hide()

    def offer(self, run: TrainingRun, name: str) -> None:
        """Offer the command of a training whose network is kept in the library under a name."""
        result = run.result
        if result is None:
            return
        request, library = run.request, self._panel.session.library
        kind = request.pairs[0].kind
        self._line = ""
        self._kept = _Kept(
            result.trained.training_set.annotations,
            tuple((pair.source, pair.labels) for pair in request.pairs),
            tuple((image.path, image.annotation(kind)) for image in request.others),
            result.model.spec,
            name,
            run.request.source,
            library.folder.parent / "commands" / name,
        )
        self.show()

    def withdraw(self) -> None:
        """Stop offering it, and drop the annotations."""
        self._kept = None
        self.hide()

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        self._removed.disconnect(self._look)
        self._writer.abandon()
        self.withdraw()

    def _look(self, event: Any) -> None:
        # removed layers must not be kept alive
        if self._kept is not None and any(event.value in pair for pair in self._kept.layers):
            self.withdraw()

    def _wanted(self) -> str | None:
        if self._kept is None or self._line:
            return self._line or None
        self._writer.start("Writing the annotations", _write(self._kept), on_end=self._take)
        # comparing a large image with its file takes a while
        self._panel.foot.message.show_text("note", "Writing the annotations into files…")
        return ""

    def _take(self, outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            self._panel.foot.message.show_error(outcome.error)
        elif outcome.result is not None:
            # the folder is written once
            self._line = outcome.result
            self.put(self._line)


def _write(kept: _Kept) -> Job[str]:
    from napari_unet.services.commands.inputs import TrainingPair
    from napari_unet.services.commands.training import training_command

    files = [*(tuple(map(_file, pair)) for pair in kept.layers), *kept.files]
    learnt = [
        TrainingPair(annotation, *pair)
        for annotation, pair in zip(kept.annotations, files, strict=True)
    ]
    job = training_command(learnt, kept.spec, kept.name, kept.parent, kept.folder)
    return (yield from job)


def _file(layer: Layer) -> Path | None:
    return Path(layer.source.path) if layer.source.path else None
