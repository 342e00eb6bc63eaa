"""Which labels belong to which image, and which of them are chosen with it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.fit import fits
from napari_unet.gui.layers.images import image_of, likely_axes
from napari_unet.gui.layers.purpose import belongs, is_annotation, is_paint, is_preview
from napari_unet.gui.layers.result_layer import RECORD, untouched
from napari_unet.services.files.names import named_as_labels, share_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer, Shapes

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.gui.layers.layer_pair import LayerPair


def can_be_learnt(layer: Layer) -> bool:
    """Whether a network can learn from a layer: of a whole image, and not a raw result."""
    return is_paint(layer) and not is_preview(layer) and not is_raw_result(layer)


def is_raw_result(layer: Layer) -> bool:
    """Whether a layer is a segmentation that nobody has changed, as far as that is quick to find out."""
    if not isinstance(layer, Labels) or RECORD not in layer.metadata:
        return False
    # until it is complete it can't be painted on
    return not layer.editable or untouched(layer)


def may_replace(layer: Layer, chosen: Layer | None) -> bool:
    """Whether labels that are selected in the viewer take the place of those chosen in a form.

    A result that was just made does not replace an annotation.
    """
    by_hand = is_annotation(layer) or RECORD not in layer.metadata
    return by_hand or chosen is None or not is_annotation(chosen)


def made_over_another(
    labels: Labels | None, source: ImageLayer | None, images: Iterable[ImageLayer]
) -> bool:
    """Whether labels were made over one of `images` other than `source`."""
    others = (image for image in images if image != source)
    return labels is not None and any(belongs(labels, other) for other in others)


def named_as_another(
    labels: Labels | None, source: ImageLayer | None, images: Iterable[ImageLayer]
) -> ImageLayer | None:
    """Return the other image that has the name of labels, if the chosen one has another name."""
    if labels is None or _named_alike(labels, source):
        return None
    return next((image for image in images if _named_alike(labels, image)), None)


def fits_likely(source: ImageLayer, labels: Labels) -> bool:
    """Whether labels have the shape of an image layer, with the axes that it most likely has."""
    try:
        image = image_of(source, likely_axes(source))
    except UserError:
        return False
    return fits(source, image, labels)


def image_for(labels: Labels, images: Iterable[ImageLayer]) -> ImageLayer | None:
    """Return the image that labels belong to: their own or namesake, else the first they fit."""
    fitting = (image for image in own_first(labels, images) if fits_likely(image, labels))
    return next(fitting, None)


def own_first(labels: Labels, images: Iterable[ImageLayer]) -> list[ImageLayer]:
    """Return images with the one that labels were made over in front, then the one of their name."""

    def strange(image: ImageLayer) -> tuple[bool, bool]:
        return not belongs(labels, image), not _named_alike(labels, image)

    return sorted(images, key=strange)


def labels_for(
    source: ImageLayer | None,
    chosen: Labels | None,
    offered: Sequence[Labels],
    images: Iterable[ImageLayer],
    fitting: Callable[[Labels], bool],
) -> Labels | None:
    """Return the labels to choose once an image is chosen; None where none fit.

    Those chosen stay if they fit, unless this image has labels of its own, and those were made over
    another image or are named as the labels of another. Else the image's own come first, then those of
    its name, then annotations, then any that fit.

    Parameters
    ----------
    source
        The image.
    chosen
        The labels that are chosen now.
    offered
        The labels to choose from, the topmost first.
    images
        All images that are open.
    fitting
        Whether labels have the image's shape.
    """
    candidates = [labels for labels in offered if fitting(labels)]
    own = any(belongs(labels, source) or _named_alike(labels, source) for labels in candidates)
    named = chosen is not None and named_as_labels(chosen.name) and not _named_alike(chosen, source)
    strange = own and (named or made_over_another(chosen, source, images))
    if chosen is not None and fitting(chosen) and not strange:
        return chosen

    def strangeness(labels: Labels) -> tuple[bool, bool, bool]:
        made_here = belongs(labels, source)
        # the name tells nothing more of those that are known to be the image's own
        related = made_here or _named_alike(labels, source)
        return not made_here, not related, not is_annotation(labels)

    return min(candidates, key=strangeness, default=None)


def region_for(viewer: napari.Viewer, source: ImageLayer | None, kind: Kind) -> Shapes | None:
    """Return the outline of what has been checked of an image; scribbles need none."""
    return None if kind == "scribbles" else checked_layer(viewer, source)


def check_pairs(pairs: Sequence[LayerPair]) -> None:
    """Raise a `UserError` where there is a raw result, or two pairs hold the same annotation.

    A network that learns from its own result learns its mistakes. And what is held out of one pair would
    be learnt by way of the other.
    """
    for pair in pairs:
        if is_raw_result(pair.labels):
            raise UserError(
                f"{pair.labels.name!r} is a result that nobody has corrected",
                rule="A network that learns from its own result learns its mistakes, too.",
                remedy="Press “Correct this result” in the panel Annotate, and correct what is wrong.",
            )
    for pair, other in combinations(pairs, 2):
        apart = pair.shapes is not None and other.shapes is not None and pair.shapes != other.shapes
        if (pair.source, pair.labels) == (other.source, other.labels) and not apart:
            raise UserError(
                "Two pairs are the same",
                value=f"{other.labels.name!r} on {other.source.name!r}",
                rule="What is held out to judge the network must not be learnt by way of another pair.",
                remedy="Choose another image or other labels, or remove one of the two.",
            )


def _named_alike(labels: Labels, source: ImageLayer | None) -> bool:
    return source is not None and share_key(labels.name, source.name)
