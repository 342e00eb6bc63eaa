"""Which result is judged, by which true labels, and what both hold."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.evaluate.comparison import LAY_ON, compare_layers
from napari_unet.gui.evaluate.truth_layers import as_image, may_be_true, meant, misfit
from napari_unet.gui.layers.fit import lay_on, lies_apart
from napari_unet.gui.layers.purpose import is_annotation, is_paint, is_result
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.widgets.fields import button, choice, form
from napari_unet.gui.widgets.layer_box import LayerBox
from napari_unet.gui.widgets.theme import ThemedLabel

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels, Layer

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.gui.evaluate.comparison import LabelComparison

RESULT_TIP = "The labels to be judged: a result of Segment, or any labels layer."
TRUTH_TIP = (
    "Labels that you trust, of the same pixels: opened from a file, or painted. Of those painted in "
    "Annotate, only what is marked as checked counts, if anything is."
)
KIND_TIP = "What the labels mean, in both layers."
KINDS = {
    "objects": "Each label is one object; which number it has does not matter.",
    "classes": "Each label is a kind of thing, the same in both layers.",
    "scribbles": "The true labels are a few strokes: only what is painted counts. 1 is background.",
}
LAY_ON_TIP = (
    "The true labels have as many pixels as the result, but larger or smaller ones, or they lie "
    "elsewhere. If they belong to it pixel to pixel, give them its scale and place; no label changes."
)
MOST_REASONS = 3


class TruthForm(QWidget):
    """Chooses a result, true labels that fit it, and whether they hold objects or classes.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    beside
        Goes into the last row.
    """

    def __init__(self, viewer: napari.Viewer, beside: QWidget) -> None:
        super().__init__()
        self._viewer = viewer
        self._image: Image | None = None
        self._by_hand: dict[LayerBox, Layer | None] = {}
        self.result = LayerBox(viewer, RESULT_TIP, is_paint)
        self.result.follows = False
        self.truth = LayerBox(viewer, TRUTH_TIP, self._fits, nothing="choose…")
        self.reasons = ThemedLabel(dim=True)
        self.reasons.setWordWrap(True)
        self.reasons.setTextFormat(Qt.TextFormat.PlainText)
        self.lay_on = button(LAY_ON, LAY_ON_TIP)
        self.kind = choice(KIND_TIP)
        for i, (kind, tip) in enumerate(KINDS.items()):
            self.kind.addItem(kind, kind)
            self.kind.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        self._lay_out(beside)
        self._connect()
        self._suggest_result()
        self._take_result()

    def _lay_out(self, beside: QWidget) -> None:
        self._rows = form()
        self._rows.addRow("Result", self.result)
        self._rows.addRow("True labels", self.truth)
        self._rows.addRow(self.reasons)
        self._rows.addRow("", self.lay_on)
        last = QHBoxLayout()
        last.addWidget(self.kind, stretch=1)
        last.addWidget(beside, stretch=1)
        self._rows.addRow("Both hold", last)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addLayout(self._rows)

    def _connect(self) -> None:
        self.result.listed.connect(self._suggest_result)
        self.result.layer_changed.connect(self._take_result)
        self.truth.listed.connect(self._suggest_truth)
        self.truth.layer_changed.connect(self._take_truth)
        for box in (self.result, self.truth):
            box.activated.connect(lambda _, box=box: self._by_hand.update({box: box.layer}))
        self.lay_on.clicked.connect(self._lay_on)

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.result.let_go()
        self.truth.let_go()

    def judged(self, model: Model | None) -> LabelComparison:
        """Return what is chosen; `model` is as for `compare_layers`.

        Raises
        ------
        UserError
            When something is missing, or the two don't go together.
        """
        result, truth, kind = self.result.layer, self.truth.layer, self.kind.currentData()
        if result is None:
            raise UserError(
                "There is no result to be judged",
                rule="A result is a layer of labels.",
                remedy="Press Segment first, or open labels.",
            )
        # their data may have been exchanged since they were offered
        self._look()
        if truth is None:
            raise UserError(
                "No true labels are chosen",
                value="; ".join(self._reasons()) or None,
                rule="They have the result's number of pixels along each axis, and whole numbers.",
                remedy="Open a file with the true labels of this image, and choose it as “True labels”.",
            )
        return compare_layers(self._viewer, model, result, truth, kind)

    def suggest(self, result: Labels) -> None:
        """Choose a result that was just made, unless somebody has chosen another one."""
        if self._by_hand.get(self.result) != self.result.layer or self.result.layer is None:
            self.result.choose(result)

    def _suggest_result(self) -> None:
        """Choose the newest result, else the topmost labels, unless somebody has chosen."""
        box = self.result
        if box.layer is None or self._by_hand.get(box) != box.layer:
            own = [x for x in box.offered if is_result(x)]
            box.choose(next(iter(own or box.offered), None))

    def _suggest_truth(self) -> None:
        """Choose labels that we have not made; which image holds some is left to the user."""
        box = self.truth
        if box.layer is None or self._by_hand.get(box) != box.layer:
            labels = [x for x in box.offered if is_paint(x) and RECORD not in x.metadata]
            box.choose(min(labels, key=is_annotation, default=None))
        self._tell_reasons()

    def _take_result(self) -> None:
        self._look()
        self._take_truth()

    def _look(self) -> None:
        """See which axes the result has now, and what fits it."""
        self._image = None
        if self.result.layer is not None:
            with contextlib.suppress(UserError):
                self._image = as_image(self._viewer, self.result.layer)
        self.truth.renew()

    def _take_truth(self) -> None:
        kind = meant(self.result.layer, self.truth.layer)
        self.kind.setCurrentIndex(self.kind.findData(kind))
        self._rows.setRowVisible(self.lay_on, self._lies_apart())

    def _fits(self, layer: Layer) -> bool:
        result, image = self.result.layer, self._image
        return image is not None and may_be_true(layer, result) and not misfit(result, image, layer)

    def _reasons(self) -> list[str]:
        """Say of each layer that may be meant, but does not fit, why."""
        result, image = self.result.layer, self._image
        if image is None:
            return []
        others = [x for x in reversed(self._viewer.layers) if may_be_true(x, result)]
        said = [(x.name, misfit(result, image, x)) for x in others]
        return [f"“{name}”: {reason}" for name, reason in said if reason]

    def _tell_reasons(self) -> None:
        found, words = self._reasons(), ""
        if found and self._image is not None:
            size = " × ".join(map(str, self._image.data.shape))
            more = f"; {len(found) - MOST_REASONS} more" if len(found) > MOST_REASONS else ""
            some = "; ".join(found[:MOST_REASONS])
            words = f"Not offered, as the result has {size} pixels in whole numbers: {some}{more}."
        self.reasons.setText(words)
        self._rows.setRowVisible(self.reasons, bool(words))

    def _lies_apart(self) -> bool:
        result, truth, image = self.result.layer, self.truth.layer, self._image
        return image is not None and truth is not None and lies_apart(result, image, truth)

    def _lay_on(self) -> None:
        if self._lies_apart() and self._image is not None:
            lay_on(self.result.layer, self._image, self.truth.layer)
        self._rows.setRowVisible(self.lay_on, self._lies_apart())
