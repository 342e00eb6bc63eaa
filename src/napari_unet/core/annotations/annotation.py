"""What the user painted, and what it says about each pixel.

An `Annotation` is paint on one image; a `Truth` is the same after
`survey` has looked through it once.
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
"""The label of a pixel of which nothing is known."""

Kind = Literal["scribbles", "classes", "objects"]
PlaneKey = tuple[int, ...]
"""Position of a plane along the label axes other than Y and X, in their order."""

LARGEST = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Annotation:
    """Paint on one image.

    Attributes
    ----------
    image
        The image.
    paint
        Whole numbers, possibly lazy, with the image's label axes and shape. It must not change while
        it is in use: hand over a copy of what is still being painted on.
    kind
        ``"scribbles"``: 0 is unlabelled, 1 background, 2… the classes. ``"classes"``: 0 is background,
        each other value a class. ``"objects"``: 0 is background, each other value one object.
    regions
        Where it applies. Without any: on every plane that carries paint.
    name
        For messages.
    scale, offset
        Pixel size of the paint and where its first pixel lies, in pixels of the image, as far as they
        are known; they must agree with the image.

    Raises
    ------
    UserError
        When the paint does not lie on the image pixel for pixel, or a region lies outside it.
    """

    image: Image
    paint: Lazy
    kind: Kind
    regions: tuple[Region, ...] = ()
    name: str = "labels"
    scale: Mapping[str, float] = field(default_factory=dict)
    offset: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_alignment(self.image, self.paint, self.scale, self.offset, self.name)
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
        """Return all planes, those of a volume one after the other."""
        order = sorted(self.loops, key="Z".__eq__)
        for position in product(*(range(self.image.sizes[a]) for a in order)):
            index = dict(zip(order, position, strict=True))
            yield tuple(index[a] for a in self.loops)

    def plane(self, key: PlaneKey) -> Frame:
        """Return a plane as a frame without channels."""
        return Frame(self.image, dict(zip(self.loops, key, strict=True)), (), "YX")

    def whole(self, key: PlaneKey) -> tuple[Frame, Box]:
        """Return a plane as a frame without channels, and the window that is all of it."""
        frame = self.plane(key)
        return frame, tuple(slice(0, n) for n in frame.shape)

    def read(self, frame: Frame, box: Box) -> NDArray[Any]:
        """Read the paint in a window of a frame of the image, its axes in the frame's order."""
        key, order = frame.label_index(box)
        block = np.asarray(self.paint[key])
        native = np.uint8 if block.dtype.kind == "b" else block.dtype.newbyteorder("=")
        return block.astype(native, copy=False).transpose(np.argsort(order))


@dataclass(frozen=True)
class Strokes:
    """The strokes of an annotation: connected paint of one value; of ``objects``, the objects.

    Attributes
    ----------
    values
        Paint value of each.
    sizes
        Pixels of each.
    middles
        Where each lies: its first plane's key, and the y and x of its centre there.
    pieces
        For each plane that carries paint, the number of the stroke that each piece of
        `pieces` belongs to.
    """

    values: NDArray[np.int64]
    sizes: NDArray[np.int64]
    middles: tuple[tuple[int, ...], ...]
    pieces: Mapping[PlaneKey, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Truth:
    """An annotation with all that is known after looking through it once.

    Attributes
    ----------
    annotation
        The paint.
    applies
        The pixels it says something about, plane by plane; nothing about other planes.
    pixels
        Number of labelled pixels of each class, background (0) first. Objects are class 1.
    strokes
        Its strokes or objects.
    foreground
        For ``classes`` with a single value other than 0, such as 255: that value. It means class 1.
    held
        What is held out for validation, plane by plane.
    """

    annotation: Annotation
    applies: Mapping[PlaneKey, BitMask]
    pixels: Mapping[int, int]
    strokes: Strokes
    foreground: int | None = None
    held: Mapping[PlaneKey, BitMask] = field(default_factory=dict)

    @property
    def objects(self) -> bool:
        """Whether the labels number objects."""
        return self.annotation.kind == "objects"

    def labels(self, frame: Frame, box: Box) -> NDArray[np.int32]:
        """Return what is known in a window of a frame of the image.

        Parameters
        ----------
        frame
            A plane or volume of the annotation's image.
        box
            The window, inside the frame.

        Returns
        -------
        ndarray of int32
            `IGNORE` where nothing is known, 0 in the background, else the class, from 1; with
            kind ``objects`` the number of the object.
        """
        paint = self.annotation.read(frame, box)
        labels = self._meaning(paint)
        labels[~self._within(self.applies, frame, box)] = IGNORE
        return labels

    def training(self, frame: Frame, box: Box) -> NDArray[np.int32]:
        """Like `labels`, without what is held out."""
        labels = self.labels(frame, box)
        if self.held:
            labels[self._within(self.held, frame, box)] = IGNORE
        return labels

    def validation(self, frame: Frame, box: Box) -> NDArray[np.int32]:
        """Like `labels`, only what is held out."""
        labels = self.labels(frame, box)
        labels[~self._within(self.held, frame, box)] = IGNORE
        return labels

    def _meaning(self, paint: NDArray[Any]) -> NDArray[np.int32]:
        found: NDArray[np.int32]
        if self.annotation.kind == "scribbles":
            # 0 becomes -1, which is IGNORE
            found = np.subtract(paint, 1, dtype=np.int32, casting="unsafe")
        elif self.foreground is not None:
            found = np.equal(paint, self.foreground).astype(np.int32)
        elif paint.dtype.itemsize > 4 or paint.dtype == np.uint32:
            # objects are told apart by any number that fits
            found = np.where(paint > 0, (paint - 1) % LARGEST + 1, 0).astype(np.int32)
        else:
            found = paint.astype(np.int32)
        return found

    def _within(
        self, masks: Mapping[PlaneKey, BitMask], frame: Frame, box: Box
    ) -> NDArray[np.bool_]:
        *depth, rows, columns = box
        keys = self._keys(frame, *depth)
        found = [masks.get(key, BitMask.none()).window(rows, columns) for key in keys]
        return np.stack(found) if depth else found[0]

    def _keys(self, frame: Frame, depth: slice | None = None) -> Iterator[PlaneKey]:
        """Return the planes of a frame, or those of a range of Z."""
        for z in range(depth.start, depth.stop) if depth else (frame.index.get("Z", 0),):
            index = {**frame.index, "Z": z}
            yield tuple(index[a] for a in self.annotation.loops)


@dataclass
class Paint:
    """The annotations to learn from, which may be exchanged while a training runs.

    Attributes
    ----------
    annotations
        Put another tuple here, with the same images in the same order, when more has been painted; the
        training takes it up at its next check. Never change the arrays in it.
    channels
        Channels of the images that go into the network.
    """

    annotations: tuple[Annotation, ...]
    channels: tuple[int, ...] = (0,)
