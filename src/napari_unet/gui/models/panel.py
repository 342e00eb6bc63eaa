"""*Load U-Net*: choose a network from the library or a file, and see what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from napari_unet.core.errors import UserError
from napari_unet.gui.widgets.fields import button, caption, form, table, text
from napari_unet.gui.widgets.foot import show_in_turn
from napari_unet.gui.widgets.numbers import MAX_NUMBER, NumberBox
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


GAIN_ROLE = Qt.ItemDataRole.UserRole + 1
"""Item role: how much better the training of an entry made it."""
ROW_HEIGHT_PX = 20

OPEN_TIP = "Load a U-Net from a model file, PyTorch weights or a bioimage.io package."
BACK_TIP = "Use the previous U-Net again."
DIAMETER_TIP = (
    "How wide a typical object is, in pixels, that this U-Net has learnt: images are resampled so that "
    "their own objects are as large."
)
ASKED = "It states no diameter of the objects it has learnt: set it below, if you know it."
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
        self.inside.setAcceptDrops(True)
        self.inside.installEventFilter(self)
        self.list = QListWidget()
        self.list.setToolTip("The U-Nets that come with the program, and those that you have kept.")
        self.load_button = button("Load", "Load the chosen U-Net, for Segment to use.", main=True)
        self.open_button = button("Open file…", OPEN_TIP)
        self.keep_button = button("Keep in library", KEEP_TIP)
        self.back_button = button("", BACK_TIP)
        self.fetch_button = button("Download the weights", "")
        self._missing: MissingWeightsError | None = None
        self.facts_label = text()
        self.diameter = NumberBox(
            low=1, high=MAX_NUMBER, decimals=1, unit="px", none="not stated", tooltip=DIAMETER_TIP
        )
        self._diameter_row = QWidget()
        self._lay_out()
        self.list.currentItemChanged.connect(self._show_chosen)
        self.list.itemDoubleClicked.connect(self._load_chosen)
        self.load_button.clicked.connect(self._load_chosen)
        self.open_button.clicked.connect(self._ask_for_file)
        self.keep_button.clicked.connect(self._keep)
        self.diameter.changed.connect(self._state_diameter)
        self.back_button.clicked.connect(self._go_back)
        self.fetch_button.clicked.connect(self._fetch)
        self.session.jobs.started.connect(lambda: show_in_turn(self.open_button))
        self.session.jobs.ended.connect(self._offer_to_fetch)
        self.session.model_changed.connect(self._show_loaded)
        self.session.library_changed.connect(self._list)
        self._list()

    def _lay_out(self) -> None:
        hint = caption("or drop a model file or folder here")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body.addWidget(self.list)
        self.body.addWidget(hint)
        rows = form()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Object diameter", self.diameter.native)
        self._diameter_row.setLayout(rows)
        self.body.addWidget(self.facts_label)
        self.body.addWidget(self._diameter_row)
        self.body.addWidget(self.keep_button)
        self.body.addWidget(self.back_button)
        # in the place of the button that was pressed last, once it turns out that weights are missing
        self.foot.add(self.open_button, self.fetch_button)
        self.foot.add(self.load_button)
        self.body.addStretch(1)

    def _list(self) -> None:
        self.list.clear()
        with self.reporting():
            entries = self.session.library.entries()
            lines = lineages(entries)
            for entry in entries:
                item = QListWidgetItem(entry.name)
                item.setData(Qt.ItemDataRole.UserRole, entry.name)
                item.setData(GAIN_ROLE, str(gain(entry.spec) or "") if entry.spec else "")
                item.setToolTip(_tooltip(entry, lines.get(entry.name, [])))
                self.list.addItem(item)
        rows = min(max(self.list.count(), 2), 5)
        self.list.setFixedHeight(rows * ROW_HEIGHT_PX)
        self._mark_loaded()
        if self.session.model is not None:
            self._show_loaded(self.session.model)
        elif self.list.count():
            # the one that is used by default, rather than the first
            items = [self.list.item(row) for row in range(self.list.count())]
            default = (item for item in items if _name(item) == DEFAULT)
            self.list.setCurrentItem(next(default, items[0]))
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

    def _state_diameter(self, diameter: float | None) -> None:
        with self.reporting():
            self.session.state_diameter(diameter)

    def _go_back(self) -> None:
        with self.reporting():
            self.session.back()

    def _offer_to_fetch(self, outcome: Outcome[object]) -> None:
        if not isinstance(outcome.error, UserError):
            return
        from napari_unet.core.importers import MissingWeightsError

        if isinstance(outcome.error, MissingWeightsError):
            self._missing = outcome.error
            self.fetch_button.setToolTip(f"Download {outcome.error.url} to {outcome.error.target}.")
            show_in_turn(self.fetch_button)

    def _fetch(self) -> None:
        if self._missing is not None:
            with self.reporting():
                self.session.load(str(self._missing.package), fetch=True)

    def _show_loaded(self, model: Model) -> None:
        self._mark_loaded()
        self._describe(model.spec)
        unknown = "" if model.spec.diameter is not None else f" {ASKED}"
        self.foot.message.show_text("done", f"{model.spec.name} is loaded.{unknown}")

    def _mark_loaded(self) -> None:
        listed = False
        for item in (self.list.item(row) for row in range(self.list.count())):
            current = _name(item) == self.session.source
            gained = item.data(GAIN_ROLE)
            line = f"{_name(item)}   {gained}" if gained else _name(item)
            item.setText(f"{line}  ✓ loaded" if current else line)
            listed = listed or current
            if current:
                self.list.setCurrentItem(item)
        model, bundled = self.session.model, self._is_bundled()
        self._diameter_row.setVisible(model is not None and not bundled)
        with self.diameter.changed.blocked():
            self.diameter.value = None if model is None else model.spec.diameter
        self.keep_button.setVisible(self.session.model is not None and not listed)
        self.back_button.setText(f"Back to “{Path(self.session.earlier).stem}”")
        self.back_button.setVisible(bool(self.session.earlier))

    def _is_bundled(self) -> bool:
        entries = self.session.library.entries()
        return any(entry.name == self.session.source and entry.bundled for entry in entries)

    def _describe(self, spec: ModelSpec | None) -> None:
        self.facts_label.setText("" if spec is None else table(facts(spec)))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Accept a single local file or folder that is dropped on the form."""
        if event.type() not in (QEvent.Type.DragEnter, QEvent.Type.Drop):
            return bool(super().eventFilter(watched, event))
        urls = event.mimeData().urls()
        if len(urls) == 1 and urls[0].isLocalFile():
            event.acceptProposedAction()
            if event.type() == QEvent.Type.Drop:
                self.load_text(urls[0].toLocalFile())
        return True


def facts(spec: ModelSpec) -> list[tuple[str, str]]:
    """Return what is known of a model: pairs of title and text."""
    config = spec.config
    what = "planes (Y, X)" if config.ndim == 2 else "volumes (Z, Y, X)"
    size = " × ".join(f"{s:.4g}" for s in spec.pixel_size)
    weights = config.parameters
    lines = [
        ("Name", spec.name),
        ("", spec.description),
        ("Works on", f"{config.ndim}-D {what}"),
        ("Channels", ", ".join(spec.channels)),
        ("Classes", ", ".join(spec.classes)),
        ("Object diameter", f"{spec.diameter:g} pixels" if spec.diameter else "not stated"),
        ("Pixel size", f"{size} µm" if size else "not stated"),
        ("Size", f"{weights / 1e6:.2f} million weights, {weights * 4 / 1e6:.1f} MB"),
        ("Origin", spec.provenance.origin),
        ("Held-out annotation", str(gain(spec) or "")),
        ("Verified", verification(spec)),
        ("Licence", spec.license or "not stated"),
        ("Authors", ", ".join(spec.authors)),
        ("Please cite", "\n".join(spec.citation)),
    ]
    return [(title, line) for title, line in lines if line]


def verification(spec: ModelSpec) -> str:
    """Describe how closely a model reproduces the test output that came with it."""
    error = spec.provenance.verified_error
    if error is None:
        return "came without a test output to compare with"
    return f"reproduces its authors' test output to within {error:.1e}"


def _tooltip(entry: Entry, line: list[Entry]) -> str:
    """Describe a model, and which models it was tuned from."""
    if entry.spec is None:
        return "can't be read"
    names = [each.name for each in line[1:]]
    lineage = f"tuned from {', that from '.join(names)}" if names else ""
    return "\n".join(line for line in (entry.spec.description, lineage) if line)


def _name(item: QListWidgetItem) -> str:
    return str(item.data(Qt.ItemDataRole.UserRole))
