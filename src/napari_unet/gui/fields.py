"""The fields that forms are made of: narrow enough for a dock."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel

DIM = "color: #94a3b8;"
"""For text that is not the main thing: legible on a dark theme and on a light one."""


def choice(tip: str) -> QComboBox:
    """Return a box to choose from, which cuts long entries off rather than widen the dock."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box


def form() -> QFormLayout:
    """Return an empty form."""
    rows = QFormLayout()
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setVerticalSpacing(6)
    return rows


def text(words: str = "", dim: bool = False) -> QLabel:
    """Return a text that wraps and can be copied."""
    label = QLabel(words)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if dim:
        label.setStyleSheet(DIM)
    return label
