"""*Load U-Net*: choose a network from the library or a file, and see what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
)

from napari_unet.core.errors import UserError
from napari_unet.gui.widgets.fields import button, caption, table, text
from napari_unet.gui.widgets.panel import Panel
from napari_unet.services.library import DEFAULT
from napari_unet.services.training.history import gain, lineages

if TYPE_CHECKING:
    import napari
    from qtpy.QtCore import QObject

    from napari_unet.core.importers import MissingWeightsError
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.library import Entry

FILES = "U-Nets (*.safetensors *.pth *.pt *.ckpt *.pkl *.bin *.zip *.yaml *.yml);;All files (*)"


BROUGHT = Qt.ItemDataRole.UserRole + 1
"""Role of what an entry's training brought."""
ROW = 20
"""Height of an entry in the list, in pixels."""

OPEN_TIP = "Load a U-Net from a model file, PyTorch weights or a bioimage.io package."
BACK_TIP = "Use the U-Net again that was loaded before this one."
KEEP_TIP = "Copy the loaded U-Net into your library, to find it here next time."


class ModelsPanel(Panel):
    """Lists the library, loads a model and describes it; files and folders can be dropped on it.

    Parameters
    ----------
    viewer
        The viewer whose current model it sets.
    session
        What it shares with the other panels.
    """

    HEIGHT = 300

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__(viewer, session)
        self.widget().setAcceptDrops(True)
        self.widget().installEventFilter(self)
        self.list = QListWidget()
        self.list.setToolTip("U-Nets that come with the program, and those you have kept.")
        self.load = button("Load", "Make the chosen U-Net the one that Segment uses.", main=True)
        self.open = button("Open file…", OPEN_TIP)
        self.keep = button("Keep in library", KEEP_TIP)
        self.back = button("", BACK_TIP)
        self.fetch = button("Download the weights", "")
        self.fetch.setVisible(False)
        self._missing: MissingWeightsError | None = None
        self.facts = text()
        self._lay_out()
        self.list.currentItemChanged.connect(self._show_chosen)
        self.list.itemDoubleClicked.connect(self._load_chosen)
        self.load.clicked.connect(self._load_chosen)
        self.open.clicked.connect(self._ask_for_file)
        self.keep.clicked.connect(self._keep)
        self.back.clicked.connect(self._go_back)
        self.fetch.clicked.connect(self._fetch)
        self.session.jobs.started.connect(self.fetch.hide)
        self.session.jobs.ended.connect(self._offer_to_fetch)
        self.session.model_changed.connect(self._show_loaded)
        self.session.library_changed.connect(self._list)
        self._list()

    def _lay_out(self) -> None:
        hint = caption("or drop a model file or folder here")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QHBoxLayout()
        buttons.addWidget(self.load)
        buttons.addWidget(self.open)
        self.body.addWidget(self.list)
        self.body.addLayout(buttons)
        self.body.addWidget(hint)
        self.body.addWidget(self.facts)
        self.body.addWidget(self.keep)
        self.body.addWidget(self.back)
        self.body.addWidget(self.foot)
        self.body.addWidget(self.fetch)
        self.body.addStretch(1)

    def _list(self) -> None:
        self.list.clear()
        with self.reporting():
            entries = self.session.library.entries()
            lines = lineages(entries)
            for entry in entries:
                item = QListWidgetItem(entry.name)
                item.setData(Qt.ItemDataRole.UserRole, entry.name)
                item.setData(BROUGHT, str(gain(entry.spec) or "") if entry.spec else "")
                item.setToolTip(_told(entry, lines.get(entry.name, [])))
                self.list.addItem(item)
        rows = min(max(self.list.count(), 2), 5)
        self.list.setFixedHeight(rows * ROW)
        self._mark_loaded()
        if self.session.model is not None:
            self._show_loaded(self.session.model)
        elif self.list.count():
            # what is said to be used, rather than the first
            items = [self.list.item(row) for row in range(self.list.count())]
            known = (item for item in items if _name(item) == DEFAULT)
            self.list.setCurrentItem(next(known, items[0]))
        else:
            self._describe(None)

    def _show_chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            with self.reporting():
                self._describe(self.session.library.entry(_name(item)).spec)

    def _load_chosen(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.load_text(_name(item))

    def _ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a U-Net", "", FILES)
        if path:
            self.load_text(path)

    def load_text(self, text: str) -> None:
        """Load a library name, file or package; an error is shown in the panel."""
        with self.reporting():
            self.session.load(text)

    def _keep(self) -> None:
        with self.reporting():
            self.session.keep()

    def _go_back(self) -> None:
        with self.reporting():
            self.session.back()

    def _offer_to_fetch(self, outcome: Outcome[object]) -> None:
        if not isinstance(outcome.error, UserError):
            return
        from napari_unet.core.importers import MissingWeightsError

        if isinstance(outcome.error, MissingWeightsError):
            self._missing = outcome.error
            self.fetch.setToolTip(f"Download {outcome.error.url} to {outcome.error.target}.")
            self.fetch.show()

    def _fetch(self) -> None:
        if self._missing is not None:
            with self.reporting():
                self.session.load(str(self._missing.package), fetch=True)

    def _show_loaded(self, model: Model) -> None:
        self._mark_loaded()
        self._describe(model.spec)
        self.foot.message.show_text("done", f"{model.spec.name} is loaded.")

    def _mark_loaded(self) -> None:
        known = False
        for item in (self.list.item(row) for row in range(self.list.count())):
            current = _name(item) == self.session.source
            brought = item.data(BROUGHT)
            said = f"{_name(item)}   {brought}" if brought else _name(item)
            item.setText(f"{said}  ✓ loaded" if current else said)
            known = known or current
            if current:
                self.list.setCurrentItem(item)
        self.keep.setVisible(self.session.model is not None and not known)
        self.back.setText(f"Back to “{Path(self.session.earlier).stem}”")
        self.back.setVisible(bool(self.session.earlier))

    def _describe(self, spec: ModelSpec | None) -> None:
        self.facts.setText("" if spec is None else table(facts(spec)))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take one file or folder of this machine that is dropped on the form."""
        if event.type() not in (QEvent.Type.DragEnter, QEvent.Type.Drop):
            return bool(super().eventFilter(watched, event))
        urls = event.mimeData().urls()
        if len(urls) == 1 and urls[0].isLocalFile():
            event.acceptProposedAction()
            if event.type() == QEvent.Type.Drop:
                self.load_text(urls[0].toLocalFile())
        return True


def facts(spec: ModelSpec) -> list[tuple[str, str]]:
    """Return what there is to say of a model: pairs of title and text."""
    config = spec.config
    what = "planes (Y, X)" if config.ndim == 2 else "volumes (Z, Y, X)"
    size = " × ".join(f"{s:.4g}" for s in spec.pixel_size)
    weights = config.parameters
    found = [
        ("Name", spec.name),
        ("", spec.description),
        ("Works on", f"{config.ndim}-D {what}"),
        ("Channels", ", ".join(spec.channels)),
        ("Classes", ", ".join(spec.classes)),
        ("Pixel size", f"{size} µm" if size else "not stated"),
        ("Size", f"{weights / 1e6:.2f} million weights, {weights * 4 / 1e6:.1f} MB"),
        ("Origin", spec.provenance.origin),
        ("Held-out paint", str(gain(spec) or "")),
        ("Verified", verification(spec)),
        ("Licence", spec.license or "not stated"),
        ("Authors", ", ".join(spec.authors)),
        ("Please cite", "\n".join(spec.citation)),
    ]
    return [(title, said) for title, said in found if said]


def verification(spec: ModelSpec) -> str:
    """Say how well a model gives the test output that came with it."""
    error = spec.provenance.verified_error
    if error is None:
        return "came with no test output to compare with"
    return f"gives its authors' test output to within {error:.1e}"


def _told(entry: Entry, line: list[Entry]) -> str:
    """Say what a model is, and what it was tuned from."""
    if entry.spec is None:
        return "can't be read"
    names = [each.name for each in line[1:]]
    came = f"tuned from {', that from '.join(names)}" if names else ""
    return "\n".join(line for line in (entry.spec.description, came) if line)


def _name(item: QListWidgetItem) -> str:
    return str(item.data(Qt.ItemDataRole.UserRole))
