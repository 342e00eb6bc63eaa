"""Predicted labels beside true ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.meaning import understand
from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.image.frames import frames
from napari_unet.core.progress import finish
from napari_unet.services.files.images import find_images, open_image
from napari_unet.services.files.labels import read_labels
from napari_unet.services.files.pairs import find_pairs, pair_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.annotations.regions import Region
    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.core.image.frames import Frame


@dataclass(frozen=True, eq=False)
class LabelPair:
    """Predicted labels and the true ones of the same pixels.

    Attributes
    ----------
    prediction
        Labels with their axes, as integers.
    truth
        Labels of the same shape.
    image
        The image they belong to, for pictures.
    spatial
        ``"YX"``: compared in planes; ``"ZYX"``: in volumes; None: in volumes where there is a Z axis.
    regions
        Where the true labels are known; empty: everywhere.
    notes
        How labels were understood where that is not plain; each a sentence.

    Raises
    ------
    UserError
        When they are not integers, or their shapes differ.
    """

    prediction: Image
    truth: Lazy
    image: Image | None = None
    spatial: str | None = None
    regions: tuple[Region, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name = self.prediction.name
        check_alignment(
            self.prediction, self.prediction.data, {}, {}, f"predicted labels of {name}"
        )
        check_alignment(self.prediction, self.truth, {}, {}, f"true labels of {name}")
        if self.image is not None:
            check_alignment(self.image, self.prediction.data, {}, {}, f"predicted labels of {name}")

    def cut(self) -> list[Frame]:
        """Return the planes or volumes of the prediction that are compared."""
        return frames(self.prediction, self._spatial, (0,))

    def frames(self) -> Iterator[LabelFrame]:
        """Cut both into planes or volumes, as copies: they may be painted on meanwhile."""
        shown = [None] if self.image is None else frames(self.image, self._spatial, (0,))
        cut = self.cut()
        for frame, image in zip(cut, shown * (len(cut) // len(shown)), strict=True):
            box = tuple(slice(0, n) for n in frame.shape)
            key, order = frame.label_index(box)
            truth = np.array(self.truth[key]).transpose(np.argsort(order))
            title = f"{self.prediction.name} {frame.title}".rstrip()
            prediction = np.array(frame.read(box)[0])
            yield LabelFrame(title, prediction, self._known(frame, truth), image)

    @property
    def _spatial(self) -> str:
        return self.spatial or ("ZYX" if "Z" in self.prediction.axes else "YX")

    def _known(self, frame: Frame, truth: NDArray[Any]) -> NDArray[Any]:
        """Mark pixels outside all regions as unknown."""
        if not self.regions:
            return truth
        truth = truth.astype(np.int64)
        planes = truth.reshape(-1, *frame.shape[-2:])
        for z, plane in enumerate(planes):
            index = {**frame.index, **({"Z": z} if "Z" in frame.spatial else {})}
            known = [r.mask(plane.shape) for r in self.regions if r.covers(index)]
            inside = BitMask.union(known).window(*(slice(0, n) for n in plane.shape))
            plane[~inside] = -1
        return truth


@dataclass(frozen=True, eq=False)
class LabelFrame:
    """A plane or volume of predicted and true labels.

    Attributes
    ----------
    title
        Name of the image, and the position in it.
    prediction, truth
        (Y, X) or (Z, Y, X) labels; true ones are negative where unknown.
    frame
        The same plane or volume of the image, if there is an image.
    """

    title: str
    prediction: NDArray[Any]
    truth: NDArray[Any]
    frame: Frame | None

    @property
    def empty(self) -> int:
        """Number of planes whose true labels are known and all 0."""
        known = (self.truth >= 0).any(axis=(-2, -1))
        labelled = (self.truth > 0).any(axis=(-2, -1))
        return int(np.count_nonzero(known & ~labelled))


def read_label_pairs(
    predicted: Sequence[str | Path],
    labels: Sequence[str | Path],
    images: Sequence[str | Path] = (),
    *,
    axes: str | None = None,
    in_order: bool = False,
    kind: Kind | None = None,
) -> list[LabelPair]:
    """Open predicted and true labels, and pair them as images and labels are.

    Parameters
    ----------
    predicted, labels
        Image files, folders or patterns.
    images
        Their images, if there are any.
    axes
        Axes of the labels where the files' own are wrong.
    in_order
        Pair the files in the order given, whatever their names.
    kind
        What the labels mean. Of objects, masks with one value for all are divided, and the notes of the
        pairs say so.

    Raises
    ------
    UserError
        When files are missing, can't be paired, don't fit each other or hold no labels.
    """
    pairs = find_pairs(predicted, labels, "predictions", in_order=in_order)
    true = [label for _, label in pairs.pairs]
    pictures = pair_files(find_images(images), true, in_order=in_order).pairs if images else ()
    image_of = {label: path for path, label in pictures}
    result = []
    for prediction_path, label_path in pairs.pairs:
        image = open_image(image_of[label_path]) if images else None
        prediction = read_labels(prediction_path, image, axes).image
        truth = read_labels(label_path, replace(prediction, channel_names=())).image.data
        if kind == "objects":
            pair = LabelPair(prediction, truth, image)
            result.append(_understood(pair, prediction_path.name, label_path.name))
        else:
            result.append(LabelPair(prediction, truth, image))
    return result


def _understood(pair: LabelPair, predicted: str, true: str) -> LabelPair:
    """Divide masks that stand for objects, and mark true pixels that are unlabelled."""
    image = pair.prediction
    found = finish(understand(Annotation(image, image.data, "objects", name=predicted)))
    truth = finish(understand(Annotation(image, pair.truth, "objects", name=true)))
    labels = truth.paint
    if truth.unlabelled is not None:
        labels = np.asarray(labels).astype(np.int64)
        labels[labels == truth.unlabelled] = -1
    notes = (*found.notes, *truth.notes)
    return replace(pair, prediction=replace(image, data=found.paint), truth=labels, notes=notes)
