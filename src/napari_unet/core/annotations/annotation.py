"""What the user annotated, and what it says about each pixel.

An `Annotation` belongs to one image; a `Truth` is one that `inspect_annotations` has inspected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.regions import Region, check_region
from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.image.frames import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Image, Lazy

IGNORE = -1
"""The label of an unlabelled pixel."""

Kind = Literal["scribbles", "classes", "objects"]
PlaneKey = tuple[int, ...]
"""Position of a plane along the label axes other than Y and X, in their order."""

MAX_LABEL = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Annotation:
    """The annotation of one image.

    Attributes
    ----------
    image
        The image.
    paint
        Labels: integers, possibly lazy, with the image's label axes and shape. They must not change
        while in use: pass a copy of what is still being painted on.
    kind
        ``"scribbles"``: 0 is unlabelled, 1 background, 2… the classes. ``"classes"``: 0 is background,
        each other value a class. ``"objects"``: 0 is background, each other value one object.
    regions
        Where it applies. Without any: on every plane with labels.
    name
        Name for messages.
    scale, offset
        Pixel size of the labels, and the position of their first pixel in pixels of the image, as far
        as they are known; they must agree with the image.
    unlabelled
        A label that only marks pixels about which nothing is known; None if there is none.
    notes
        How the labels were understood where that is not plain; each a sentence.
    result_before
        The result that the labels were copied from and then corrected, of the same shape. What differs
        from it was changed by a person; without regions, only planes that differ are annotated. None:
        everything was painted anew.

    Raises
    ------
    UserError
        When the labels or the result do not match the image pixel for pixel, or a region lies outside
        it.
    """

    image: Image
    paint: Lazy
    kind: Kind
    regions: tuple[Region, ...] = ()
    name: str = "labels"
    scale: Mapping[str, float] = field(default_factory=dict)
    offset: Mapping[str, float] = field(default_factory=dict)
    unlabelled: int | None = None
    notes: tuple[str, ...] = ()
    result_before: Lazy | None = None

    def __post_init__(self) -> None:
        check_alignment(self.image, self.paint, self.scale, self.offset, self.name)
        if self.result_before is not None:
            name = f"result before {self.name}"
            check_alignment(self.image, self.result_before, self.scale, self.offset, name)
        for region in self.regions:
            check_region(region, self.image)

    @property
    def loops(self) -> str:
        """The label axes other than Y and X: those of a plane's key."""
        return "".join(a for a in self.image.label_axes if a not in "YX")

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Shape of a plane, (Y, X)."""
        return self.image.sizes["Y"], self.image.sizes["X"]

    def plane_keys(self) -> Iterator[PlaneKey]:
        """Return the keys of all planes, those of a volume one after the other."""
        order = sorted(self.loops, key="Z".__eq__)
        for position in product(*(range(self.image.sizes[a]) for a in order)):
            index = dict(zip(order, position, strict=True))
            yield tuple(index[a] for a in self.loops)

    def plane(self, key: PlaneKey) -> Frame:
        """Return a plane as a frame without channels."""
        return Frame(self.image, dict(zip(self.loops, key, strict=True)), (), "YX")

    def whole(self, key: PlaneKey) -> tuple[Frame, Box]:
        """Return a plane as a frame without channels, and the window that covers it."""
        frame = self.plane(key)
        return frame, tuple(slice(0, n) for n in frame.shape)

    def read(self, frame: Frame, box: Box) -> NDArray[Any]:
        """Read the labels in a window of a frame of the image, in the frame's order of axes."""
        return _read(self.paint, frame, box)

    def read_before(self, frame: Frame, box: Box) -> NDArray[Any] | None:
        """Read the result before the correction likewise; None if there is none.

        Scribbles are painted anew in any case.
        """
        if self.result_before is None or self.kind == "scribbles":
            return None
        return _read(self.result_before, frame, box)


def _read(labels: Lazy, frame: Frame, box: Box) -> NDArray[Any]:
    key, order = frame.label_index(box)
    block = np.asarray(labels[key])
    native = np.uint8 if block.dtype.kind == "b" else block.dtype.newbyteorder("=")
    return block.astype(native, copy=False).transpose(np.argsort(order))


@dataclass(frozen=True)
class Strokes:
    """The strokes of an annotation: connected pixels of one label; of kind ``objects``, its objects.

    Attributes
    ----------
    values
        Label of each.
    sizes
        Pixels of each.
    middles
        Position of each: the key of its first plane, and the y and x of its centre there.
    pieces
        For each plane with labels, the number of the stroke that each of its pieces, as the function
        `pieces` numbers them, belongs to.
    changed
        Whether each differs from the result that the annotation was copied from; all of them if it was
        painted anew.
    """

    values: NDArray[np.int64]
    sizes: NDArray[np.int64]
    middles: tuple[tuple[int, ...], ...]
    pieces: Mapping[PlaneKey, NDArray[np.int64]]
    changed: NDArray[np.bool_]

    @classmethod
    def none(cls) -> Strokes:
        """Return no strokes."""
        no_numbers = np.zeros(0, np.int64)
        return cls(no_numbers, no_numbers, (), {}, np.zeros(0, bool))


@dataclass(frozen=True, eq=False)
class Truth:
    """An annotation that has been inspected.

    Attributes
    ----------
    annotation
        The annotation.
    applies
        The pixels it applies to, plane by plane; it says nothing about other planes.
    pixels
        Number of labelled pixels of each class, with 0 for background. Objects are class 1.
    strokes
        Its strokes or objects.
    removed
        Objects and parts of the result that it was copied from which are background now. Their numbers
        follow those of the strokes.
    foreground
        For ``classes`` with a single label other than 0, such as 255: that label. It means class 1.
    held
        The pixels held out for validation, plane by plane.
    """

    annotation: Annotation
    applies: Mapping[PlaneKey, BitMask]
    pixels: Mapping[int, int]
    strokes: Strokes
    removed: Strokes = field(default_factory=Strokes.none)
    foreground: int | None = None
    held: Mapping[PlaneKey, BitMask] = field(default_factory=dict)

    @property
    def objects(self) -> bool:
        """Whether the labels number objects."""
        return self.annotation.kind == "objects"

    def labels(self, frame: Frame, box: Box) -> NDArray[np.int32]:
        """Return the labels in a window of a frame of the image.

        Parameters
        ----------
        frame
            A plane or volume of the annotation's image.
        box
            The window, inside the frame.

        Returns
        -------
        ndarray of int32
            `IGNORE` where unlabelled, 0 in the background, else the class, from 1; for kind
            ``objects`` the number of the object.
        """
        labels = self._meaning(self.annotation.read(frame, box))
        labels[~self._within(self.applies, frame, box)] = IGNORE
        return labels

    def training(self, frame: Frame, box: Box, *, held: int = IGNORE) -> NDArray[np.int32]:
        """Return the `labels` without those held out, which get another value."""
        labels = self.labels(frame, box)
        if self.held:
            labels[self._within(self.held, frame, box)] = held
        return labels

    def validation(self, frame: Frame, box: Box) -> NDArray[np.int32]:
        """Return only those `labels` that are held out."""
        labels = self.labels(frame, box)
        labels[~self._within(self.held, frame, box)] = IGNORE
        return labels

    def _meaning(self, paint: NDArray[Any]) -> NDArray[np.int32]:
        labels: NDArray[np.int32]
        if self.annotation.kind == "scribbles":
            # 0 becomes -1, which is IGNORE
            labels = np.subtract(paint, 1, dtype=np.int32, casting="unsafe")
        elif self.foreground is not None:
            labels = np.equal(paint, self.foreground).astype(np.int32)
        elif paint.dtype.itemsize > 4 or paint.dtype == np.uint32:
            # any number that fits will do to separate objects
            labels = np.where(paint > 0, (paint - 1) % MAX_LABEL + 1, 0).astype(np.int32)
        else:
            labels = paint.astype(np.int32)
        return labels

    def _within(
        self, masks: Mapping[PlaneKey, BitMask], frame: Frame, box: Box
    ) -> NDArray[np.bool_]:
        *depth, rows, columns = box
        keys = self.keys(frame, *depth)
        planes = [masks.get(key, BitMask.none()).window(rows, columns) for key in keys]
        return np.stack(planes) if depth else planes[0]

    def keys(self, frame: Frame, depth: slice | None = None) -> Iterator[PlaneKey]:
        """Return the plane keys of a frame, or of a range of its Z."""
        for z in range(depth.start, depth.stop) if depth else (frame.index.get("Z", 0),):
            index = {**frame.index, "Z": z}
            yield tuple(index[a] for a in self.annotation.loops)


@dataclass
class Paint:
    """The annotations to learn from, which may be replaced while a training runs.

    Attributes
    ----------
    annotations
        Assign another tuple, with the same images in the same order, when more has been painted: it is
        learnt from after the next validation. Never change the arrays in it.
    channels
        Channels of the images that the network gets.
    """

    annotations: tuple[Annotation, ...]
    channels: tuple[int, ...] = (0,)
