"""The form for an image and its annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Shapes
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.annotation_layers import new_annotation_layer
from napari_unet.gui.layers.checked_areas import CHECKED
from napari_unet.gui.layers.fit import (
    add_resampled,
    align_to_image,
    can_be_resampled,
    fits,
    lies_apart,
)
from napari_unet.gui.layers.layer_pair import LayerPair, pair_layers
from napari_unet.gui.layers.pairing import (
    can_be_learnt,
    image_for,
    labels_for,
    made_over_another,
    may_replace,
    named_as_another,
    region_for,
)
from napari_unet.gui.layers.purpose import KIND_TIPS, KINDS, kind_of, note_kind, only_shows
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import button, form, text
from napari_unet.gui.widgets.image_form import ImageForm
from napari_unet.gui.widgets.layer_choice import LayerChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer

    from napari_unet.core.image.axes import Image

LABELS_TIP = "The labels layer that you have annotated, or a segmentation that you have corrected."
NEW_TIP = (
    "Add an empty layer to annotate. Paint a few strokes of background with label 1, and of what you "
    "want to segment with label 2."
)
RESAMPLE_TIP = (
    "These labels are smaller or larger than the image by a whole factor. Add a copy with the image's "
    "pixels: labels are repeated or left out, none are invented."
)
ALIGN_TIP = (
    "These labels have as many pixels as the image, but another pixel size or position. If they belong "
    "to it pixel by pixel, give them its scale and position; no label changes."
)
REGION_TIP = (
    "Where the annotation is complete. Everywhere painted: on each annotated plane. Or a Shapes layer: "
    "draw a rectangle around the part that you have annotated completely."
)
KIND_TIP = "What the labels mean."


class PairForm(QWidget):
    """Choice of an image, its axes, its annotation, the annotation's kind and region.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    first
        Whether channels are chosen here, for all pairs.
    """

    changed = Signal()
    removed = Signal()
    """The user wants to remove the pair."""

    def __init__(self, viewer: napari.Viewer, first: bool) -> None:
        super().__init__()
        self._viewer = viewer
        self._region_decided = self._image_decided = False
        self.classes: Sequence[str] = ("foreground",)
        self.rows = form()
        self.image = ImageForm(viewer, self.rows, with_channels=first, fitted=True)
        self.labels = LayerChoice(viewer, LABELS_TIP, can_be_learnt, taken=self._may_replace)
        self.origin_label = text()
        self.new_button = button("New annotation", NEW_TIP)
        self.resample_button = button("Resample to the image", RESAMPLE_TIP)
        self.align_button = button("Align to the image", ALIGN_TIP)
        entries = [(kind.capitalize(), kind) for kind in KINDS]
        self.kind = Choice(entries, tips=KIND_TIPS, tooltip=KIND_TIP)
        self.region = LayerChoice(viewer, REGION_TIP, _is_region, "everywhere painted")
        self.remove_button = button(
            "Remove this pair", "Do not learn from this pair; its layers stay."
        )
        self.remove_button.setVisible(not first)
        self._lay_out()
        self.image.changed.connect(self._take_image)
        self.image.layers.native.activated.connect(self._decide_image)
        self.labels.changed.connect(self._take_labels)
        self.labels.followed.connect(self._follow_labels)
        self.kind.changed.connect(self._take_kind)
        self.region.changed.connect(lambda: self.changed.emit())
        self.region.listed.connect(self._suggest_region)
        self.region.native.activated.connect(self._decide_region)
        self.new_button.clicked.connect(self._add_layer)
        self.resample_button.clicked.connect(self._resample)
        self.align_button.clicked.connect(self._align_to_image)
        self.remove_button.clicked.connect(self.removed)
        # nobody has chosen yet
        self._choose_labels(None)
        self._take_image()

    def _lay_out(self) -> None:
        # the channels, if any, come below
        self.rows.addRow("Annotation", self.labels.native)
        self.rows.addRow("", self.new_button)
        self.rows.addRow("", self.origin_label)
        self.rows.addRow("", self.resample_button)
        self.rows.addRow("", self.align_button)
        self.rows.addRow("Kind", self.kind.native)
        self.rows.addRow("Region", self.region.native)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(self.rows)
        box.addWidget(self.remove_button, alignment=Qt.AlignmentFlag.AlignRight)

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        for part in (self.image, self.labels, self.region):
            part.let_go()

    def follow(self, follows: bool) -> None:
        """Set whether it follows the layers that are selected in the viewer."""
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
        kind = self.kind.value
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
        with self.labels.changed.blocked():
            self.labels.choose(best)

    def _may_replace(self, layer: Layer) -> bool:
        return may_replace(layer, self.labels.layer)

    def _take_labels(self) -> None:
        """Choose the image that the labels belong to, unless the chosen one is that."""
        labels, self._image_decided = self.labels.layer, False
        if labels is not None and (not self.fits(labels) or self._doubt(labels)):
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
        with self.kind.changed.blocked():
            self.kind.value = kind_of(labels)
        # of two channels that are images by themselves this is what is wanted
        doubt = self._doubt(labels) if self.fits(labels) else ""
        self.origin_label.setText(doubt)
        self.rows.setRowVisible(self.origin_label, bool(doubt))
        self.rows.setRowVisible(self.resample_button, self._applies(can_be_resampled))
        self.rows.setRowVisible(self.align_button, self._applies(lies_apart))
        self._suggest_region()

    def _doubt(self, labels: Labels) -> str:
        """Return why labels may belong to another image."""
        if self._of_another(labels):
            return f"“{labels.name}” was made over another image."
        namesake = named_as_another(labels, self.image.layer, self.image.layers.offered)
        return f"“{labels.name}” has the name of “{namesake.name}”." if namesake else ""

    def _suggest_region(self) -> None:
        """Choose what is marked as checked, unless the user chose a region; scribbles need none."""
        chosen = self.region.layer
        if self._region_decided or not (chosen is None or CHECKED in chosen.metadata):
            return
        region = region_for(self._viewer, self.image.layer, self.kind.value)
        if not self.region.choose(region):
            self.region.value = None

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

    def _take_kind(self) -> None:
        if self.labels.layer is not None:
            note_kind(self.labels.layer, self.kind.value)
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

    def _align_to_image(self) -> None:
        if self._applies(lies_apart):
            source, labels = self.image.layer, self.labels.layer
            assert source is not None
            assert labels is not None
            align_to_image(source, self.image.image(), labels)
            self._show()
            self.changed.emit()


def _is_region(layer: Layer) -> bool:
    """Whether a layer may outline where an annotation is complete."""
    return isinstance(layer, Shapes) and not only_shows(layer)
