"""The cards of *Load U-Net*: each network with a picture, what it is for, and how it suits the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from napari_unet.services.training.history import gain, lineages, same_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.gui.session.session import Session
    from napari_unet.services.library import Entry
    from napari_unet.services.suggestions import Suggestion

PICTURE_PX = 40
ROWS = 4
"""Cards that are seen at once."""
SHORT = {
    "channels": "needs more channels",
    "volume": "needs a volume",
    "kind": "another kind of image",
    "planes": "plane by plane",
}
"""What speaks against a network, in few words."""
NOTHING = "can't be read"


class Cards(QListWidget):
    """The library, the best match for the image at hand first.

    Parameters
    ----------
    session
        Knows the library, the current network and the image.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.setToolTip("The U-Nets of the program and of other packages, and those that you kept.")
        self.setIconSize(QSize(PICTURE_PX, PICTURE_PX))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setFixedHeight(ROWS * (PICTURE_PX + 4) + 4)

    def fill(self, chosen: str) -> None:
        """List the library anew.

        Parameters
        ----------
        chosen
            Name of the network to choose; if it is not listed, the first one is.

        Raises
        ------
        UserError
            When the library can't be read.
        """
        entries = self._session.library.entries()
        ranked = {s.entry.name: s for s in self._session.suggestions.ranked()}
        order = {name: i for i, name in enumerate(ranked)}
        lines, doubles = lineages(entries), same_weights(entries)
        self.clear()
        for entry in sorted(entries, key=lambda entry: order.get(entry.name, len(order))):
            item = QListWidgetItem(_picture(entry), self._text(entry, ranked.get(entry.name)))
            item.setData(Qt.ItemDataRole.UserRole, entry.name)
            about = _tooltip(entry, lines.get(entry.name, []), doubles, ranked)
            item.setToolTip(
                "\n".join(filter(None, [self._session.suggestions.notes.note(entry.name), about]))
            )
            self.addItem(item)
        items = [self.item(row) for row in range(self.count())]
        found = next((item for item in items if name_of(item) == chosen), None)
        self.setCurrentItem(found or (items[0] if items else None))

    @property
    def chosen(self) -> str:
        """Name of the chosen network; empty if none is."""
        item = self.currentItem()
        return "" if item is None else name_of(item)

    def _text(self, entry: Entry, suggestion: Suggestion | None) -> str:
        spec = entry.spec
        loaded = "  ✓ loaded" if entry.name == self._session.source else ""
        if spec is None:
            return f"{entry.name}{loaded}\n{NOTHING}"
        gained = str(gain(spec) or "")
        size = f", {spec.diameter:.3g} px" if spec.diameter else ""
        facts = f"{spec.config.ndim}-D {'objects' if spec.task == 'objects' else 'classes'}{size}"
        return (
            f"{'   '.join(filter(None, [entry.name, gained]))}{loaded}\n{_fit(suggestion)}{facts}"
        )


def name_of(item: QListWidgetItem) -> str:
    """Return the name of the network on a card."""
    return str(item.data(Qt.ItemDataRole.UserRole))


def _fit(suggestion: Suggestion | None) -> str:
    """Say in few words how a network suits the image; empty if there is none."""
    if suggestion is None:
        return ""
    if not suggestion.misfits:
        return "✓ fits · "
    return f"✗ {SHORT[suggestion.misfits[0].subject]} · "


def _picture(entry: Entry) -> QIcon:
    path = entry.path.with_suffix(".png")
    if path.is_file():
        return QIcon(str(path))
    plain = QPixmap(PICTURE_PX, PICTURE_PX)
    plain.fill(QColor(128, 128, 128, 60))
    return QIcon(plain)


def _tooltip(
    entry: Entry,
    line: list[Entry],
    doubles: Mapping[str, str],
    ranked: Mapping[str, Suggestion],
) -> str:
    """Describe a network: what it is for, what speaks against it, and which ones it was tuned from."""
    if entry.spec is None:
        return NOTHING
    names = [each.name for each in line[1:]]
    suggestion = ranked.get(entry.name)
    parts = [
        entry.spec.description,
        ""
        if entry.package is None
        else f"from {entry.package.name}: {entry.package.licence or 'licence not stated'}",
        ""
        if suggestion is None or not suggestion.words
        else f"For this image: {suggestion.words}.",
        f"tuned from {', that from '.join(names)}" if names else "",
        f"the same weights as {doubles[entry.name]}" if entry.name in doubles else "",
    ]
    return "\n".join(filter(None, parts))
