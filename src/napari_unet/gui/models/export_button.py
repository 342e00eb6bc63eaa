"""*Export…*: writes the chosen network for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QInputDialog, QPushButton

from napari_unet.core.exporters.credits import Credits
from napari_unet.core.progress import Notice
from napari_unet.services.export import FORMATS, export

if TYPE_CHECKING:
    from napari_unet.core.progress import Job, Progress
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.panel import Panel

TIP = (
    "Write this U-Net for other programs: as a bioimage.io package (deepImageJ, QuPath, ilastik), as "
    "ONNX, for ZEISS ZEN and arivis, or as weights for Pytorch-UNet."
)


class ExportButton(QPushButton):
    """Asks for a file, and for an author where one is needed, and writes a network.

    Parameters
    ----------
    panel
        The panel; what happened is shown in it.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__("Export…")
        self.setToolTip(TIP)
        self._panel, self._session = panel, panel.session
        self._name = ""
        self.clicked.connect(self._ask)

    def show_for(self, name: str) -> None:
        """Export another network of the library from now on; empty: none."""
        self._name = name
        self.setEnabled(bool(name))

    def _ask(self) -> None:
        kinds = {f"{what} (*{suffix})": suffix for suffix, what in FORMATS.items()}
        path, kind = QFileDialog.getSaveFileName(
            self, f"Export {self._name}", f"{self._name}.zip", ";;".join(kinds)
        )
        if not path:
            return
        with self._panel.reporting():
            target = Path(path)
            if target.suffix.lower() not in FORMATS:
                target = target.with_name(target.name + kinds.get(kind, ".zip"))
            credits = self._credits(target)
            if credits is not None:
                self.export(target, credits)

    def _credits(self, target: Path) -> Credits | None:
        """Return whom to credit, asking once for an author; None if the user gave up."""
        stated = self._session.library.spec(self._name).authors
        notes = self._session.suggestions.notes
        if stated or target.suffix.lower() != ".zip" or notes.author:
            return Credits(authors=stated or tuple(filter(None, (notes.author,))))
        author, ok = QInputDialog.getText(
            self, "Author", "A package names who trained the network. Your name:"
        )
        if not ok or not author.strip():
            return None
        notes.set_author(author.strip())
        return Credits(authors=(author.strip(),))

    def export(self, target: Path, credits: Credits) -> None:
        """Write the network to a file beside the window's other work, and say so."""
        told = [f"Exported: {target}"]

        def stepped(step: Progress) -> None:
            if isinstance(step, Notice):
                told.append(step.text)

        def ended(outcome: Outcome[None]) -> None:
            if outcome.error is None and not outcome.cancelled:
                self._panel.foot.message.show_text("done", "\n".join(told))

        library, name = self._session.library, self._name

        def job() -> Job[None]:
            model = yield from library.load(name)
            # the dialog has asked whether an existing file may be replaced
            yield from export(model, target, credits, overwrite=True)

        self._session.jobs.start(f"Exporting {name}", job(), on_step=stepped, on_end=ended)
