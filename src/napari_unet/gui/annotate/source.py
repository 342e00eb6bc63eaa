"""The part of *Annotate* that makes annotations: empty ones, and copies of results to correct."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.annotation_layers import correct, new_annotation_layer
from napari_unet.gui.layers.fit import fits
from napari_unet.gui.layers.purpose import (
    KIND_TIPS,
    KINDS,
    belongs,
    is_annotation,
    is_paint,
    is_preview,
    likely_kind,
)
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import button, form, offer
from napari_unet.gui.widgets.image_form import ImageForm
from napari_unet.gui.widgets.layer_choice import LayerChoice

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer

    from napari_unet.core.image.axes import Image
    from napari_unet.gui.session.session import Session

RESULT_TIP = "A segmentation to correct: a result of Segment, or any labels layer."
RESULT_KIND_TIP = (
    "What the labels of the result mean. Classes: each label is a class, such as nucleus. "
    "Objects: each label is one object, with a number of its own."
)
CORRECT_TIP = (
    "Copy the result, and correct the copy with the brush and the tools below. The result itself stays "
    "unchanged, and is hidden."
)
NEW_TIP = "Add an empty annotation over the image, and start painting."
NEW_KIND_TIP = "What you are going to paint."
NO_RESULT = "There is no segmentation yet: press Segment in the panel Segment first."
NO_IMAGE = "There is no image yet: open one first."


class AnnotationSource(QWidget):
    """Chooses an image, and makes annotations over it.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    session
        New annotations get the classes of its U-Net.

    Attributes
    ----------
    correct_button
        The main button as long as there is no annotation. The panel lays it out.
    """

    made = Signal(object)
    """An annotation was made; its layer."""
    changed = Signal()
    """Another image or other axes are chosen."""
    failed = Signal(object)
    """No annotation could be made; the exception."""

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._session = session
        self._rows = rows = form()
        self.image = ImageForm(viewer, rows, with_channels=False, with_voxel_size=False)
        self.result = LayerChoice(viewer, RESULT_TIP, _is_result)
        both = [(kind, kind) for kind in ("classes", "objects")]
        self.result_kind = Choice(both, tooltip=RESULT_KIND_TIP)
        self.correct_button = button("Correct this result", CORRECT_TIP, main=True)
        entries = [(kind.capitalize(), kind) for kind in KINDS]
        self.new_kind = Choice(entries, tips=KIND_TIPS, tooltip=NEW_KIND_TIP)
        self.new_button = button("New annotation", NEW_TIP)
        rows.addRow("Result", self.result.native)
        self.new_kind.native.setMinimumContentsLength(4)
        rows.addRow("Kind", self.result_kind.native)
        rows.addRow("New", _beside(self.new_kind.native, self.new_button))
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        self.image.changed.connect(self._show)
        self.result.changed.connect(self._take_result)
        self.correct_button.clicked.connect(self._correct)
        self.new_button.clicked.connect(self._add)
        self._take_result()

    def add_above(self, title: str, field: QWidget) -> tuple[QWidget, QWidget]:
        """Put a field of another part above the others; return its title and itself."""
        self._rows.insertRow(0, title, field)
        return self._rows.labelForField(field), field

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.image.let_go()
        self.result.let_go()

    def chosen(self) -> tuple[ImageLayer, Image]:
        """Return the chosen image layer and the image it holds.

        Raises
        ------
        UserError
            When there is none, or its axes can't be used.
        """
        image, source = self.image.image(), self.image.layer
        assert source is not None
        return source, image

    def under(self, labels: Labels) -> tuple[ImageLayer, Image]:
        """Choose and return the image that labels belong to, and cover pixel for pixel.

        Raises
        ------
        UserError
            When no image fits.
        """
        before = self.image.layer
        offered = [before, *self.image.layers.offered]
        # its own first, then the one that is chosen
        offered.sort(key=lambda source: not belongs(labels, source))
        for source in offered:
            if source is not None and self.image.layers.choose(source) and self._fits(labels):
                return self.chosen()
        if before is not None:
            self.image.layers.choose(before)
        raise UserError(
            f"{labels.name!r} covers none of the images",
            value=f"{tuple(labels.data.shape)} pixels",
            rule="Labels can be corrected if they cover an image pixel for pixel.",
            remedy="Segment the whole image first, or open the image that the labels belong to.",
        )

    def _fits(self, labels: Labels) -> bool:
        try:
            return fits(*self.chosen(), labels)
        except UserError:
            return False

    def _take_result(self) -> None:
        labels = self.result.layer
        if labels is not None:
            self.result_kind.value = likely_kind(labels)
        self._show()

    def _show(self) -> None:
        """Enable what can be done now."""
        none = "" if self.result.layer is not None else NO_RESULT
        offer(self.result.native, RESULT_TIP, none)
        offer(self.result_kind.native, RESULT_KIND_TIP, none)
        offer(self.correct_button, CORRECT_TIP, none)
        offer(self.new_button, NEW_TIP, "" if self.image.layer is not None else NO_IMAGE)
        self.changed.emit()

    def _correct(self) -> None:
        labels = self.result.layer
        if labels is None:
            return
        try:
            source, _ = self.under(labels)
            made = correct(self._viewer, source, labels, self.result_kind.value)
        except UserError as error:
            self.failed.emit(error)
            return
        self.made.emit(made)

    def _add(self) -> None:
        try:
            source, image = self.chosen()
        except UserError as error:
            self.failed.emit(error)
            return
        model = self._session.model
        classes = ("foreground",) if model is None else tuple(model.spec.label_names.values())
        kind = self.new_kind.value
        self.made.emit(new_annotation_layer(self._viewer, source, image, classes, kind))


def _beside(*parts: QWidget) -> QWidget:
    row = QWidget()
    box = QHBoxLayout(row)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(4)
    for part in parts:
        box.addWidget(part, stretch=1)
    return row


def _is_result(layer: Layer) -> bool:
    return is_paint(layer) and not is_annotation(layer) and not is_preview(layer)
