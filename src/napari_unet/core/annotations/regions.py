"""The part of an image that has been annotated: polygons over ranges of planes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image

Span = tuple[int, int]

ELLIPSE_CORNERS = 64
"""Corners of the polygon that approximates an ellipse."""


@dataclass(frozen=True)
class Region:
    """A polygon in the plane, over a range of planes.

    Attributes
    ----------
    outline
        Corners (y, x) in pixels of the image, in order; the centre of pixel (i, j) is at (i, j). A
        pixel belongs to the region if its centre lies inside, by the even-odd rule where the outline
        crosses itself.
    spans
        First and one past the last index along the other label axes; all along those not named.
    """

    outline: tuple[tuple[float, float], ...]
    spans: Mapping[str, Span] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.outline) < 3 or not np.isfinite(self.outline).all():
            raise UserError(
                "A region has no area",
                value=f"{len(self.outline)} corner(s)",
                rule="A region is a polygon with at least three corners, all of them finite numbers.",
                remedy="Draw a rectangle or a polygon around what is annotated.",
            )

    @classmethod
    def box(cls, y: Span, x: Span, **spans: Span) -> Region:
        """Return the box of pixels ``y[0] <= i < y[1]``, ``x[0] <= j < x[1]``.

        Parameters
        ----------
        y, x
            First and one past the last pixel.
        spans
            Likewise along other axes, such as ``Z=(3, 5)``.
        """
        (top, bottom), (left, right) = ((a - 0.5, b - 0.5) for a, b in (y, x))
        corners = ((top, left), (top, right), (bottom, right), (bottom, left))
        return cls(corners, spans)

    @classmethod
    def from_shape(cls, kind: str, vertices: NDArray[Any], axes: str) -> Region:
        """Return the region of a shape drawn in napari.

        Parameters
        ----------
        kind
            ``"rectangle"``, ``"polygon"`` or ``"ellipse"``, which is given by the corners of its box.
        vertices
            (n, d) positions in pixels of the image.
        axes
            The letter of each of the d columns, including ``Y`` and ``X``. Along the others, the shape
            covers the planes between its corners.

        Raises
        ------
        UserError
            When the shape has no area.
        """
        if kind not in ("rectangle", "polygon", "ellipse"):
            raise UserError(
                "A shape has no area",
                value=kind,
                rule="Regions are rectangles, polygons and ellipses.",
                remedy="Draw one of these around what is annotated, and delete the other shape.",
            )
        positions = {a: vertices[:, i] for i, a in enumerate(axes)}
        corners = np.stack([positions["Y"], positions["X"]], axis=1).astype(float)
        if kind == "ellipse" and len(corners) == 4:
            angle = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)[:, None]
            halves = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
            corners = corners.mean(axis=0) + np.cos(angle) * halves[0] + np.sin(angle) * halves[1]
        spans = {
            a: (round(float(at.min())), round(float(at.max())) + 1)
            for a, at in positions.items()
            if a not in "YX"
        }
        return cls(tuple((float(y), float(x)) for y, x in corners), spans)

    def covers(self, index: Mapping[str, int]) -> bool:
        """Return whether the region covers the plane at this position along the other axes."""
        return all(first <= index[a] < stop for a, (first, stop) in self.spans.items())

    def mask(self, shape: Sequence[int]) -> BitMask:
        """Return the mask of the region in a plane of this shape, (Y, X)."""
        corners = np.asarray(self.outline, dtype=np.float64)
        low = np.clip(np.ceil(corners.min(axis=0)), 0, shape).astype(int)
        high = np.clip(np.floor(corners.max(axis=0)) + 1, low, shape).astype(int)
        rows, columns = np.arange(low[0], high[0])[:, None], np.arange(low[1], high[1])[None]
        inside = np.zeros((rows.size, columns.size), dtype=bool)
        for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            crossed = (y0 <= rows) != (y1 <= rows)
            if crossed.any():
                crossing = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
                inside ^= crossed & (crossing <= columns)
        return BitMask.of(inside, int(low[0]), int(low[1]))


def check_region(region: Region, image: Image) -> None:
    """Raise a `UserError` when a region lies outside an image or names an axis that it lacks."""
    sizes = {a: n for a, n in image.sizes.items() if a in image.label_axes and a not in "YX"}
    rule = f"At least a part of a region must lie in the image's {image.label_shape} pixels."
    unknown = [a for a in region.spans if a not in sizes]
    if unknown:
        raise UserError(
            f"A region has a range along {unknown[0]}, which {image.name!r} lacks",
            value=f"axes {image.label_axes!r}",
            rule="A region can only be limited along axes of the image.",
            remedy="Leave that range out, or correct the image's axes.",
        )
    beyond = [
        a for a, (first, stop) in region.spans.items() if stop <= max(first, 0) or first >= sizes[a]
    ]
    mask = region.mask((image.sizes["Y"], image.sizes["X"]))
    if beyond or not mask:
        extent = _range(beyond[0], region.spans[beyond[0]]) if beyond else _extent(region)
        raise UserError(
            f"A region lies outside {image.name!r}",
            value=extent,
            rule=rule,
            remedy="Move the region onto the image, or delete it.",
        )


def _range(letter: str, span: Span) -> str:
    return f"{letter} from {span[0]} to {span[1] - 1}"


def _extent(region: Region) -> str:
    corners = np.asarray(region.outline)
    sides = zip("YX", corners.min(axis=0), corners.max(axis=0), strict=True)
    return ", ".join(f"{a} from {low:.0f} to {high:.0f}" for a, low, high in sides)
