"""Chooses a result, the true labels it is compared with, and the kind of both."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.evaluate.comparison import ALIGN, compare_layers
from napari_unet.gui.evaluate.truth_layers import (
    as_image,
    likely_kind_of_both,
    likely_result,
    likely_truth,
    may_be_true,
    misfit,
    misfits,
)
from napari_unet.gui.layers.fit import align_to_image, lies_apart
from napari_unet.gui.layers.purpose import is_paint
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import button, form
from napari_unet.gui.widgets.layer_choice import LayerChoice
from napari_unet.gui.widgets.theme import ThemedLabel

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels, Layer

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.gui.evaluate.comparison import LabelComparison

RESULT_TIP = "The labels to evaluate: a result of Segment, or any labels layer."
TRUTH_TIP = (
    "Labels that you trust, for the same pixels: opened from a file, or painted. Of those painted in "
    "Annotate, only what is marked as checked counts, if anything is."
)
KIND_TIP = "What the labels of both layers mean."
KINDS = {
    "objects": "Each label is one object; which number it has does not matter.",
    "classes": "Each label is a class, the same in both layers.",
    "scribbles": "The true labels are a few strokes: only what is painted counts. 1 is background.",
}
ALIGN_TIP = (
    "The true labels have as many pixels as the result, but of another size, or at another position. "
    "If they match it pixel for pixel, give them its scale and position; no label changes."
)
MAX_REASONS = 3


class TruthForm(QWidget):
    """Chooses a result, true labels that fit it, and their kind.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    beside
        A widget for the last row.
    """

    def __init__(self, viewer: napari.Viewer, beside: QWidget) -> None:
        super().__init__()
        self._viewer = viewer
        self._image: Image | None = None
        self._by_hand: dict[LayerChoice, Layer | None] = {}
        self.result = LayerChoice(viewer, RESULT_TIP, is_paint)
        self.result.follows = False
        self.truth = LayerChoice(viewer, TRUTH_TIP, self._fits, nothing="choose…")
        self.reasons_label = ThemedLabel(dim=True)
        self.reasons_label.setWordWrap(True)
        self.reasons_label.setTextFormat(Qt.TextFormat.PlainText)
        self.align_button = button(ALIGN, ALIGN_TIP)
        self.kind = Choice([(kind, kind) for kind in KINDS], tips=KINDS, tooltip=KIND_TIP)
        self._lay_out(beside)
        self._connect()
        self._suggest_result()
        self._take_result()

    def _lay_out(self, beside: QWidget) -> None:
        self._rows = form()
        self._rows.addRow("Result", self.result.native)
        self._rows.addRow("True labels", self.truth.native)
        self._rows.addRow(self.reasons_label)
        self._rows.addRow("", self.align_button)
        last = QHBoxLayout()
        last.addWidget(self.kind.native, stretch=1)
        last.addWidget(beside, stretch=1)
        self._rows.addRow("Kind", last)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addLayout(self._rows)

    def _connect(self) -> None:
        self.result.listed.connect(self._suggest_result)
        self.result.changed.connect(self._take_result)
        self.truth.listed.connect(self._suggest_truth)
        self.truth.changed.connect(self._take_truth)
        for box in (self.result, self.truth):
            box.native.activated.connect(lambda _, box=box: self._by_hand.update({box: box.layer}))
        self.align_button.clicked.connect(self._align_to_image)

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.result.let_go()
        self.truth.let_go()

    def comparison(self, model: Model | None) -> LabelComparison:
        """Return what is chosen; `model` is as for `compare_layers`.

        Raises
        ------
        UserError
            When something is missing, or the two don't go together.
        """
        result, truth, kind = self.result.layer, self.truth.layer, self.kind.value
        if result is None:
            raise UserError(
                "There is no result to evaluate",
                rule="A result is a labels layer.",
                remedy="Press Segment first, or open labels.",
            )
        # their data may have been replaced since they were offered
        self._look()
        if truth is None:
            raise UserError(
                "No true labels are chosen",
                value="; ".join(self._reasons()) or None,
                rule="True labels are whole numbers, with as many pixels along each axis as the result.",
                remedy="Open a file with the true labels of this image, and choose it as “True labels”.",
            )
        return compare_layers(self._viewer, model, result, truth, kind)

    def suggest(self, result: Labels) -> None:
        """Choose a result that was just made, unless the user has chosen another one."""
        if self._by_hand.get(self.result) != self.result.layer or self.result.layer is None:
            self.result.choose(result)

    def _suggest_result(self) -> None:
        """Choose the most likely result, unless the user has chosen."""
        box = self.result
        if box.layer is None or self._by_hand.get(box) != box.layer:
            box.choose(likely_result(box.offered))

    def _suggest_truth(self) -> None:
        """Choose the most likely true labels, unless the user has chosen."""
        box = self.truth
        if box.layer is None or self._by_hand.get(box) != box.layer:
            box.choose(likely_truth(box.offered))
        self._show_reasons()

    def _take_result(self) -> None:
        self._look()
        self._take_truth()

    def _look(self) -> None:
        """Read the axes of the result, and offer what fits it."""
        self._image = None
        if self.result.layer is not None:
            with contextlib.suppress(UserError):
                self._image = as_image(self._viewer, self.result.layer)
        self.truth.reset_choices()

    def _take_truth(self) -> None:
        kind = likely_kind_of_both(self.result.layer, self.truth.layer)
        self.kind.value = kind
        self._rows.setRowVisible(self.align_button, self._lies_apart())

    def _fits(self, layer: Layer) -> bool:
        result, image = self.result.layer, self._image
        return image is not None and may_be_true(layer, result) and not misfit(result, image, layer)

    def _reasons(self) -> list[str]:
        """Return why layers that may hold the true labels are not offered."""
        if self._image is None:
            return []
        return misfits(self._viewer, self.result.layer, self._image)

    def _show_reasons(self) -> None:
        reasons, message = self._reasons(), ""
        if reasons and self._image is not None:
            size = " × ".join(map(str, self._image.data.shape))
            more = f"; {len(reasons) - MAX_REASONS} more" if len(reasons) > MAX_REASONS else ""
            first = "; ".join(reasons[:MAX_REASONS])
            message = (
                f"Not offered, as the result has {size} pixels in whole numbers: {first}{more}."
            )
        self.reasons_label.setText(message)
        self._rows.setRowVisible(self.reasons_label, bool(message))

    def _lies_apart(self) -> bool:
        result, truth, image = self.result.layer, self.truth.layer, self._image
        return image is not None and truth is not None and lies_apart(result, image, truth)

    def _align_to_image(self) -> None:
        if self._lies_apart() and self._image is not None:
            align_to_image(self.result.layer, self._image, self.truth.layer)
        self._rows.setRowVisible(self.align_button, self._lies_apart())
