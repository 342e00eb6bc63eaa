"""The fields that forms are made of: narrow enough for a dock."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QPushButton, QWidget
from superqt import QCollapsible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo

DIM = "color: #808a98;"
"""For text that is not the main thing: legible on a dark theme and on a light one."""

MAIN = """
QPushButton { background-color: #2563eb; color: white; font-weight: bold; }
QPushButton:hover { background-color: #3b82f6; }
QPushButton:pressed { background-color: #1d4ed8; }
"""


def choice(tip: str) -> QComboBox:
    """Return a box to choose from, which cuts long entries off rather than widen the dock."""
    box = QComboBox()
    make_narrow(box)
    box.setToolTip(tip)
    return box


def make_narrow(box: QComboBox) -> None:
    """Let a box cut long entries off rather than widen the dock."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)


def form() -> QFormLayout:
    """Return an empty form."""
    rows = QFormLayout()
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setVerticalSpacing(6)
    return rows


def add_option(rows: QFormLayout, name: str, info: FieldInfo, widget: QWidget) -> None:
    """Add a row for a field of some options, with its title and its description as the tip."""
    widget.setToolTip(info.description or "")
    rows.addRow(info.title or name.capitalize(), widget)


def folded(title: str, rows: QFormLayout) -> QCollapsible:
    """Return rows of a form that are folded away under a title."""
    inside = QWidget()
    inside.setLayout(rows)
    fold = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    fold.setDuration(0)
    fold.layout().setContentsMargins(0, 0, 0, 0)
    fold.setContent(inside)
    fold.collapse(animate=False)
    return fold


def button(words: str, tip: str, main: bool = False) -> QPushButton:
    """Return a button; the main one of a form stands out."""
    made = QPushButton(words)
    made.setToolTip(tip)
    if main:
        made.setStyleSheet(MAIN)
    return made


def offer(widget: QWidget, tip: str, reason: str = "") -> None:
    """Enable a control; where there is a reason against it, disable it and say why in its tip."""
    widget.setEnabled(not reason)
    widget.setToolTip(reason or tip)


def caption(words: str) -> QLabel:
    """Return the name of a fact."""
    label = QLabel(words)
    label.setStyleSheet(DIM)
    return label


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return names and facts as rich text."""
    lines = (
        f"<tr><td style='{DIM} padding: 2px 12px 2px 0; white-space: nowrap'>{html.escape(name)}</td>"
        f"<td style='padding: 2px 0'>{html.escape(fact).replace(chr(10), '<br>')}</td></tr>"
        for name, fact in rows
    )
    return f"<table>{''.join(lines)}</table>"


def text(words: str = "") -> QLabel:
    """Return a text that wraps and can be copied."""
    label = QLabel(words)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
