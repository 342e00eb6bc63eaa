"""*Load U-Net*: choose a network from the library or a file, and see what it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QListWidgetItem,
    QWidget,
)

from napari_unet.core.errors import UserError
from napari_unet.core.suitability.match import kind_of
from napari_unet.gui.models.cards import Cards, name_of
from napari_unet.gui.models.own_networks import OwnNetworks
from napari_unet.gui.widgets.fields import button, caption, form, table, text
from napari_unet.gui.widgets.foot import show_in_turn
from napari_unet.gui.widgets.numbers import MAX_NUMBER, NumberBox
from napari_unet.gui.widgets.panel import Panel
from napari_unet.services.training.history import gain

if TYPE_CHECKING:
    import napari
    from qtpy.QtCore import QObject
    from qtpy.QtGui import QHideEvent

    from napari_unet.core.importers import MissingWeightsError
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.services.model_packages import ModelPackage

FILES = "U-Nets (*.safetensors *.pth *.pt *.ckpt *.pkl *.bin *.zip *.yaml *.yml);;All files (*)"


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
        self.list = Cards(session)
        self.own = OwnNetworks(self)
        self.load_button = button("Load", "Load the chosen U-Net, for Segment to use.", main=True)
        self.open_button = button("Open file…", OPEN_TIP)
        self.keep_button = button("Keep in library", KEEP_TIP)
        self.back_button = button("", BACK_TIP)
        self.fetch_button = button("Download the weights", "")
        self._missing: MissingWeightsError | None = None
        self._page = ""
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
        self.session.library_changed.connect(self._list_again)
        self.session.suggestions.changed.connect(self._list)
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
        self.body.addWidget(self.own)
        self.body.addWidget(self.facts_label)
        self.body.addWidget(self._diameter_row)
        self.body.addWidget(self.keep_button)
        self.body.addWidget(self.back_button)
        # in the place of the button that was pressed last, once it turns out that weights are missing
        self.foot.add(self.open_button, self.fetch_button)
        self.foot.add(self.load_button)
        self.body.addStretch(1)

    def _list(self, chosen: str = "") -> None:
        """List the library anew, and describe what is chosen."""
        first = self.session.source or self.session.suggestions.first
        with self.reporting(), QSignalBlocker(self.list):
            self.list.fill(chosen or first)
        self._show_chosen(self.list.currentItem())
        self._fit_buttons()

    def _list_again(self) -> None:
        self._list(self.list.chosen)

    def _show_chosen(self, item: QListWidgetItem | None) -> None:
        if item is None:
            self._describe(None)
            return
        with self.reporting():
            entry = self.session.library.entry(name_of(item))
            self.own.show_for(entry.name, own=not entry.bundled)
            self._describe(
                entry.spec, self.session.suggestions.notes.note(entry.name), entry.package
            )

    def _load_chosen(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.load_text(name_of(item))

    def _ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a U-Net", "", FILES)
        if path:
            self.load_text(path)

    def load_text(self, text: str) -> None:
        """Load a library name, file or package; an error is shown in the panel."""
        with self.reporting():
            self.session.load(text, self._return)

    def return_to(self, page: str) -> None:
        """Bring a panel to the front again once a network is loaded, unless this one is left before."""
        self._page = page

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Forget where one came from."""
        super().hideEvent(event)
        self._page = ""

    def _return(self) -> None:
        page, self._page = self._page, ""
        if page:
            self.session.open_panel(page)

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
        self._list()
        self._describe(model.spec)
        unknown = "" if model.spec.diameter is not None else ASKED
        parts = [
            f"{model.spec.name} is loaded.",
            unknown,
            self.session.suggestions.misfit(model.spec),
        ]
        self.foot.message.show_text("done", " ".join(filter(None, parts)))

    def _fit_buttons(self) -> None:
        model, bundled = self.session.model, self._is_bundled()
        listed = [entry.name for entry in self.session.library.entries()]
        self._diameter_row.setVisible(model is not None and not bundled)
        with self.diameter.changed.blocked():
            self.diameter.value = None if model is None else model.spec.diameter
        self.keep_button.setVisible(model is not None and self.session.source not in listed)
        self.back_button.setText(f"Back to “{Path(self.session.earlier).stem}”")
        self.back_button.setVisible(bool(self.session.earlier))

    def _is_bundled(self) -> bool:
        entries = self.session.library.entries()
        return any(entry.name == self.session.source and entry.bundled for entry in entries)

    def _describe(
        self, spec: ModelSpec | None, note: str = "", package: ModelPackage | None = None
    ) -> None:
        noted = [("Your note", note)] if note else []
        if package is not None:
            noted.append(("Package", f"{package.name}, {package.licence or 'licence not stated'}"))
        self.facts_label.setText("" if spec is None else table([*noted, *facts(spec)]))

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
        ("Learnt from", kind_of(spec) or ""),
        ("Works on", f"{config.ndim}-D {what}"),
        ("Channels", ", ".join(spec.channels)),
        ("Classes", ", ".join(spec.classes)),
        ("Object diameter", f"{spec.diameter:g} pixels" if spec.diameter else "not stated"),
        ("Pixel size", f"{size} µm" if size else "not stated"),
        ("Size", f"{weights / 1e6:.2f} million weights, {weights * 4 / 1e6:.1f} MB"),
        ("Origin", re.sub(r" by training/\S+", "", spec.provenance.origin)),
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
