"""Parts of the forms, narrow enough for a dock."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QWIDGETSIZE_MAX,
    QComboBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)
from superqt import QCollapsible

from napari_unet.gui.widgets.theme import FOLLOWS, ThemedLabel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QResizeEvent, QShowEvent


DIM = "color: var(--dim);"
"""Style of secondary text, in the rich text of a label made by `text`."""

MAIN = """
QPushButton { background-color: #2563eb; color: #ffffff; font-weight: bold; }
QPushButton:hover { background-color: #1d4ed8; }
QPushButton:pressed { background-color: #1e40af; }
QPushButton:disabled { background-color: #475569; color: #cbd5e1; }
"""


def make_narrow(box: QComboBox) -> None:
    """Let a combo box cut off long entries instead of widening the dock."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)


def form() -> QFormLayout:
    """Return an empty form."""
    rows = QFormLayout()
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setVerticalSpacing(6)
    return rows


class Fold(QCollapsible):
    """A collapsible section; its arrow has the colour of the theme's text."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.toggleButton().setToolTip("Show or hide this section.")
        self.setDuration(0)
        layout = self.layout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        # QCollapsible's initial content stays in its layout and takes up space below the title
        layout.removeWidget(self.content())
        self.content().deleteLater()
        self.toggled.connect(self._let_grow)

    def _let_grow(self, expanded: bool) -> None:
        """Let the content grow after it was expanded."""
        if expanded:
            self.content().setMaximumHeight(QWIDGETSIZE_MAX)

    def take_room(self, *, all_of_it: bool) -> None:
        """Be as high as there is room, or only as high as its content needs."""
        kinds = QSizePolicy.Policy
        self.setSizePolicy(kinds.Preferred, kinds.Expanding if all_of_it else kinds.Maximum)
        # a layout that is aligned keeps the height of its content
        self.layout().setAlignment(Qt.AlignmentFlag(0) if all_of_it else Qt.AlignmentFlag.AlignTop)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the arrow in the colours of its window."""
        super().showEvent(event)
        self._draw_arrow()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the arrow in the colours of the new theme."""
        super().changeEvent(event)
        if event.type() in FOLLOWS:
            self._draw_arrow()

    def _draw_arrow(self) -> None:
        self.setExpandedIcon("▾")
        self.setCollapsedIcon("▸")


def folded(title: str, rows: QFormLayout) -> Fold:
    """Return a collapsed section with the rows of a form."""
    inside = QWidget()
    inside.setLayout(rows)
    return folded_away(title, inside)


def folded_away(title: str, inside: QWidget) -> Fold:
    """Return a collapsed section with a widget."""
    fold = Fold(title)
    fold.setContent(inside)
    fold.collapse(animate=False)
    return fold


def button(words: str, tip: str, main: bool = False) -> QPushButton:
    """Return a button; the main button of a form is highlighted."""
    push_button = QPushButton(words)
    push_button.setToolTip(tip)
    if main:
        push_button.setStyleSheet(MAIN)
    return push_button


def offer(widget: QWidget, tip: str, reason: str = "") -> None:
    """Enable a control, or disable it and give the reason in its tooltip."""
    widget.setEnabled(not reason)
    widget.setToolTip(reason or tip)


def caption(words: str) -> QLabel:
    """Return a label for the name of a value."""
    return ThemedLabel(words, dim=True)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values as rich text."""
    lines = (
        f"<tr><td style='{DIM} padding: 2px 12px 2px 0; white-space: nowrap'>{html.escape(name)}</td>"
        f"<td style='padding: 2px 0'>{html.escape(fact).replace(chr(10), '<br>')}</td></tr>"
        for name, fact in rows
    )
    return f"<table>{''.join(lines)}</table>"


class _WrappedText(ThemedLabel):
    """Text that is as high as its lines, also in a form that leaves it a single one."""

    def setText(self, words: str) -> None:  # noqa: N802 - Qt's name
        """Show another text."""
        super().setText(words)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Take as many lines as the width makes."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = max(self.heightForWidth(self.width()), 0) if self.text() else 0
        if height != self.minimumHeight():
            self.setMinimumHeight(height)


def text(words: str = "") -> QLabel:
    """Return a label that wraps and can be copied; its rich text may name colours of the theme."""
    label = _WrappedText(words)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def figure(value: float) -> str:
    """Return a score as text; a dash if it is undefined."""
    return "–" if math.isnan(value) else f"{value:.3f}"
