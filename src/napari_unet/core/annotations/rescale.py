"""Annotations at another scale: that at which a network knows objects of their size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.regions import Region
from napari_unet.core.image.resample import resampled_image
from napari_unet.core.image.scale import rescaled_shape
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.core.progress import Job

NOTE = "Rescaling the annotated images"
MAX_KEPT_PIXELS = 1 << 26
"""Images of more pixels at the new scale are not kept in memory: each patch is resampled anew."""


@dataclass(frozen=True, eq=False)
class Rescaling:
    """By how much each annotated image is rescaled for a training.

    Attributes
    ----------
    factors
        For each annotation, new pixels per old one along the axes of `spatial`; empty: as it is. Empty
        for all: nothing is rescaled.
    spatial
        ``"YX"`` or ``"ZYX"``.
    """

    factors: tuple[tuple[float, ...], ...] = ()
    spatial: str = "YX"
    _images: dict[int, Image] = field(default_factory=dict, repr=False)

    def images(self, annotations: Sequence[Annotation]) -> list[Image]:
        """Return the images at the scale they are learnt at; nothing is computed yet."""
        return [self._image(i, annotation.image) for i, annotation in enumerate(annotations)]

    def annotations(self, annotations: Sequence[Annotation]) -> Job[tuple[Annotation, ...]]:
        """Rescale annotations; images are only computed the first time.

        Parameters
        ----------
        annotations
            Those of the images that the factors belong to, in the same order.

        Yields
        ------
        Progress
            After each plane.
        """
        shown: list[Annotation] = []
        for i, annotation in enumerate(annotations):
            image = self._image(i, annotation.image)
            if image is not annotation.image:
                yield Progress(i, len(annotations), NOTE)
                if i not in self._images and prod(image.data.shape) <= MAX_KEPT_PIXELS:
                    self._images[i] = image = yield from _computed(image)
                annotation = _with_image(annotation, image)
            shown.append(annotation)
        return tuple(shown)

    def _image(self, i: int, image: Image) -> Image:
        if i in self._images or not self.factors or not self.factors[i]:
            return self._images.get(i, image)
        shape = rescaled_shape(image, self.spatial, self.factors[i])
        if shape is None:
            return image
        return resampled_image(image, dict(zip(self.spatial, shape, strict=True)))


AS_THEY_ARE = Rescaling()
"""Nothing is rescaled."""


def _computed(image: Image) -> Job[Image]:
    """Return an image whose pixels are in memory."""
    pixels = np.empty(image.data.shape, np.float32)
    outer: list[Any] = [
        range(n) if a not in "YX" else (slice(0, n),) for a, n in image.sizes.items()
    ]
    planes = prod(n for a, n in image.sizes.items() if a not in "YX")
    for done, key in enumerate(product(*outer)):
        pixels[key] = image.data[key]
        yield Progress(done, planes, NOTE)
    return replace(image, data=pixels)


def _with_image(annotation: Annotation, image: Image) -> Annotation:
    old, new = annotation.image, image
    along = {a: new.sizes[a] / old.sizes[a] for a in new.label_axes}
    before = annotation.result_before
    return replace(
        annotation,
        image=new,
        paint=_Nearest(annotation.paint, new.label_shape),
        regions=tuple(_rescaled(region, along, new) for region in annotation.regions),
        scale={a: s / along.get(a, 1.0) for a, s in annotation.scale.items()},
        result_before=None if before is None else _Nearest(before, new.label_shape),
    )


def _rescaled(region: Region, along: dict[str, float], image: Image) -> Region:
    outline = tuple(
        ((y + 0.5) * along["Y"] - 0.5, (x + 0.5) * along["X"] - 0.5) for y, x in region.outline
    )
    spans = {
        a: (round(first * along[a]), max(round(stop * along[a]), round(first * along[a]) + 1))
        for a, (first, stop) in region.spans.items()
    }
    return Region(outline, {a: (lo, min(hi, image.sizes[a])) for a, (lo, hi) in spans.items()})


class _Nearest:
    """Labels resampled by taking the nearest one; read window by window.

    Parameters
    ----------
    labels
        The labels, possibly lazy.
    shape
        Their shape after resampling.
    """

    def __init__(self, labels: Lazy, shape: tuple[int, ...]) -> None:
        self._labels = labels
        self.shape = shape
        self.dtype: np.dtype[Any] = labels.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a window, given by a number or a slice without step for each axis."""
        key = key if isinstance(key, tuple) else (key,)
        key += (slice(None),) * (len(self.shape) - len(key))
        window: list[Any] = []
        within: list[NDArray[np.intp]] = []
        for part, old, new in zip(key, self._labels.shape, self.shape, strict=True):
            if not isinstance(part, slice):
                window.append(int((part + 0.5) * old / new))
                continue
            places = ((np.arange(*part.indices(new)) + 0.5) * old / new).astype(np.intp)
            first = int(places.min(initial=old))
            window.append(slice(first, int(places.max(initial=first - 1)) + 1))
            within.append(places - first)
        block = np.asarray(self._labels[tuple(window)])
        return block[np.ix_(*within)] if within else block
