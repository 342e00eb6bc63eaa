"""An image and what is painted on it, as a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Shapes
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.annotation_layers import new_annotation_layer
from napari_unet.gui.layers.checked_areas import CHECKED
from napari_unet.gui.layers.fit import add_resampled, can_be_resampled, fits, lay_on, lies_apart
from napari_unet.gui.layers.layer_pair import LayerPair, pair_layers
from napari_unet.gui.layers.pairing import (
    can_be_learnt,
    image_for,
    labels_for,
    made_over_another,
    may_replace,
    region_for,
)
from napari_unet.gui.layers.purpose import KIND_TIPS, KINDS, kind_of, note_kind
from napari_unet.gui.widgets.fields import button, choice, form, text
from napari_unet.gui.widgets.image_form import ImageForm
from napari_unet.gui.widgets.layer_box import LayerBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer

    from napari_unet.core.image.axes import Image

LABELS_TIP = "The labels layer that you have painted on, or a segmentation that you have corrected."
NEW_TIP = (
    "Add an empty layer to paint on. Paint a few strokes of background with label 1, and of what you "
    "look for with label 2."
)
RESAMPLE_TIP = (
    "These labels are smaller or larger than the image by a whole factor. Add a copy with the image's "
    "pixels: none are invented, they are repeated or left out."
)
LAY_ON_TIP = (
    "These labels have as many pixels as the image, but larger or smaller ones, or they lie elsewhere. "
    "If they belong to it pixel to pixel, give them its scale and place; no label changes."
)
REGION_TIP = (
    "Where the paint says everything. Everywhere painted: on each plane that carries paint. Or a Shapes "
    "layer: draw a rectangle around the part that you have annotated completely."
)
KIND_TIP = "What the labels mean."


class PairForm(QWidget):
    """Chooses an image, its axes, the labels on it, what they mean and where they apply.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    first
        Whether channels are chosen here, for all pairs.
    """

    changed = Signal()
    removed = Signal()
    """It is no longer wanted."""

    def __init__(self, viewer: napari.Viewer, first: bool) -> None:
        super().__init__()
        self._viewer = viewer
        self._region_decided = self._image_decided = False
        self.classes: Sequence[str] = ("foreground",)
        self.rows = form()
        self.image = ImageForm(viewer, self.rows, with_channels=first, fitted=True)
        self.labels = LayerBox(viewer, LABELS_TIP, can_be_learnt, taken=self._may_replace)
        self.origin = text()
        self.new = button("New paint layer", NEW_TIP)
        self.resample = button("Resample to the image", RESAMPLE_TIP)
        self.lay_on = button("Lay on the image", LAY_ON_TIP)
        self.kind = choice(KIND_TIP)
        for i, kind in enumerate(KINDS):
            self.kind.addItem(kind.capitalize(), kind)
            self.kind.setItemData(i, KIND_TIPS[kind], Qt.ItemDataRole.ToolTipRole)
        self.region = LayerBox(
            viewer, REGION_TIP, lambda x: isinstance(x, Shapes), "everywhere painted"
        )
        self.remove = button("Remove this pair", "Don't learn from this pair; its layers stay.")
        self.remove.setVisible(not first)
        self._lay_out()
        self.image.changed.connect(self._take_image)
        self.image.layers.activated.connect(self._decide_image)
        self.labels.layer_changed.connect(self._take_labels)
        self.labels.followed.connect(self._follow_labels)
        self.kind.currentIndexChanged.connect(self._take_kind)
        self.region.layer_changed.connect(self.changed)
        self.region.listed.connect(self._suggest_region)
        self.region.activated.connect(self._decide_region)
        self.new.clicked.connect(self._add_layer)
        self.resample.clicked.connect(self._resample)
        self.lay_on.clicked.connect(self._lay_on)
        self.remove.clicked.connect(self.removed)
        # nobody has chosen yet
        self._choose_labels(None)
        self._take_image()

    def _lay_out(self) -> None:
        # the channels, if any, come below; long names differ at their ends
        self.rows.addRow("Paint", self.labels)
        self.rows.addRow("", self.new)
        self.rows.addRow("", self.origin)
        self.rows.addRow("", self.resample)
        self.rows.addRow("", self.lay_on)
        self.rows.addRow("Kind", self.kind)
        self.rows.addRow("Region", self.region)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(self.rows)
        box.addWidget(self.remove, alignment=Qt.AlignmentFlag.AlignRight)

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        for part in (self.image, self.labels, self.region):
            part.let_go()

    def follow(self, follows: bool) -> None:
        """Whether it takes the layers that are selected in the viewer."""
        self.image.layers.follows = self.labels.follows = follows

    def pair(self) -> LayerPair:
        """Return what is chosen.

        Raises
        ------
        UserError
            When something is missing.
        """
        image, source = self.image.image(), self.image.layer
        assert source is not None
        kind = self.kind.currentData()
        return pair_layers(source, image, self.labels.layer, kind, self.region.layer)

    def fits(self, labels: Layer | None) -> bool:
        """Whether a labels layer has the shape of the chosen image."""
        try:
            image, source = self.image.image(), self.image.layer
        except UserError:
            return False
        return labels is not None and source is not None and fits(source, image, labels)

    def _take_image(self) -> None:
        self._choose_labels(self.labels.layer)
        self._show()
        self.changed.emit()

    def _choose_labels(self, chosen: Labels | None) -> None:
        """Choose labels that go with the image; those that were chosen stay if they do."""
        images, offered = self.image.layers.offered, self.labels.offered
        best = labels_for(self.image.layer, chosen, offered, images, self.fits)
        with QSignalBlocker(self.labels):
            self.labels.choose(best)

    def _may_replace(self, layer: Layer) -> bool:
        return may_replace(layer, self.labels.layer)

    def _take_labels(self) -> None:
        """Choose the image that the labels belong to, unless the chosen one is that."""
        labels, self._image_decided = self.labels.layer, False
        if labels is not None and (not self.fits(labels) or self._of_another(labels)):
            self.image.layers.choose(image_for(labels, self.image.layers.offered))
            self.labels.choose(labels)
        self._show()
        self.changed.emit()

    def _follow_labels(self) -> None:
        """Go back to the image of labels that are selected, unless another was chosen by hand."""
        if self._of_another(self.labels.layer) and not self._image_decided:
            self._take_labels()

    def _decide_image(self) -> None:
        self._image_decided = True

    def _of_another(self, labels: Labels | None) -> bool:
        """Whether labels were made over another image that is open."""
        return made_over_another(labels, self.image.layer, self.image.layers.offered)

    def _show(self) -> None:
        labels = self.labels.layer
        with QSignalBlocker(self.kind):
            self.kind.setCurrentIndex(KINDS.index(kind_of(labels)))
        # of two channels that are images by themselves this is what is wanted
        other = self.fits(labels) and self._of_another(labels)
        self.origin.setText(f"“{labels.name}” was made over another image." if other else "")
        self.rows.setRowVisible(self.origin, other)
        self.rows.setRowVisible(self.resample, self._applies(can_be_resampled))
        self.rows.setRowVisible(self.lay_on, self._applies(lies_apart))
        self._suggest_region()

    def _suggest_region(self) -> None:
        """Take what is marked as checked, unless somebody chose otherwise; scribbles need no region."""
        chosen = self.region.layer
        if self._region_decided or not (chosen is None or CHECKED in chosen.metadata):
            return
        region = region_for(self._viewer, self.image.layer, self.kind.currentData())
        if not self.region.choose(region):
            self.region.setCurrentIndex(0)

    def _decide_region(self) -> None:
        self._region_decided = True

    def _applies(self, what: Callable[[ImageLayer, Image, Labels], bool]) -> bool:
        """Whether `what` holds for the chosen image and labels."""
        try:
            image, source = self.image.image(), self.image.layer
        except UserError:
            return False
        labels = self.labels.layer
        return labels is not None and source is not None and what(source, image, labels)

    def _take_kind(self, _: int) -> None:
        if self.labels.layer is not None:
            note_kind(self.labels.layer, self.kind.currentData())
        self._suggest_region()
        self.changed.emit()

    def _add_layer(self) -> None:
        try:
            image, source = self.image.image(), self.image.layer
        except UserError:
            return
        assert source is not None
        made = new_annotation_layer(self._viewer, source, image, self.classes)
        self.labels.choose(made)

    def _resample(self) -> None:
        if self._applies(can_be_resampled):
            source, labels = self.image.layer, self.labels.layer
            assert source is not None
            assert labels is not None
            self.labels.choose(add_resampled(self._viewer, source, self.image.image(), labels))

    def _lay_on(self) -> None:
        if self._applies(lies_apart):
            source, labels = self.image.layer, self.labels.layer
            assert source is not None
            assert labels is not None
            lay_on(source, self.image.image(), labels)
            self._show()
            self.changed.emit()
