"""How large an image's objects are, and at which scale a network is shown the image for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.core.durations import format_seconds
from napari_unet.core.errors import UserError
from napari_unet.core.image.scale import (
    diameter_factors,
    pixel_size_factors,
    rescaled_shape,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.diameter.estimate import DiameterEstimate
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.segmentation.options import SegmentOptions

Source = Literal["given", "estimated", "pixel size", "none"]
"""Where the scale comes from: a diameter that was set or estimated, the pixel sizes, or neither."""

MUCH_WORK = 4.0
"""Rescaling that multiplies the work by more is told before it begins."""
CONTRADICTION = 2.0
"""A diameter and a pixel size contradict each other if the objects differ by more."""


@dataclass(frozen=True)
class Sizing:
    """The scale at which a network is shown an image.

    Attributes
    ----------
    factors
        Pixels that the network is shown for each of the image's along each axis; empty: not rescaled.
    source
        Where that comes from.
    diameter
        Of the image's objects, in pixels along X; None if not known.
    objects
        How many objects were measured for it; 0: it was not estimated.
    seconds
        Time that the network takes for a pixel; 0 if not measured.
    pending
        Whether the diameter is still to be estimated.
    notes
        What the user should know of it, a sentence or more each.
    warning
        How much longer the run takes than without rescaling, where that is much.
    """

    factors: tuple[float, ...] = ()
    source: Source = "none"
    diameter: float | None = None
    objects: int = 0
    seconds: float = field(default=0.0, compare=False)
    pending: bool = False
    notes: tuple[str, ...] = ()
    warning: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """The same as JSON values."""
        diameter = None if self.diameter is None else round(self.diameter, 3)
        return {
            "pixels": diameter,
            "source": self.source,
            "objects": self.objects,
            "factors": [round(factor, 5) for factor in self.factors],
            "notes": list(self.notes),
            "warning": self.warning,
        }


def sizing(image: Image, spec: ModelSpec, options: SegmentOptions) -> Sizing:
    """Return the scale that the options ask for; pending where the diameter is to be estimated.

    Raises
    ------
    UserError
        When the diameter can't be that of objects in this image, or the network states none.
    """
    if not options.rescale:
        ignored = options.diameter is not None
        note = "The diameter has no effect, as rescaling is off."
        return Sizing(notes=(note,) if ignored else ())
    if options.diameter is not None:
        _check(image, spec, options.diameter)
        notes = tuple(_contradictions(spec, options))
        return Sizing(
            _factors(image, spec, options.diameter), "given", options.diameter, notes=notes
        )
    by_pixel_size = _by_pixel_size(image, spec, options)
    stated = options.pixel_size is not None and bool(by_pixel_size.factors)
    if spec.diameter is None or stated:
        return by_pixel_size
    return Sizing(pending=True)


def estimated(
    image: Image, spec: ModelSpec, options: SegmentOptions, found: DiameterEstimate
) -> Sizing:
    """Return the scale that follows from an estimate, or, if there is none, from the pixel sizes."""
    if found.diameter is not None:
        factors = _factors(image, spec, found.diameter)
        notes = tuple(_doubts(found))
        return Sizing(
            factors, "estimated", found.diameter, found.objects, found.seconds, notes=notes
        )
    other = _by_pixel_size(image, spec, options)
    if work(image, spec.axes, other.factors) > MUCH_WORK:
        other = Sizing()
    rescaled = rescaled_shape(image, spec.axes, other.factors) is not None
    how = "rescaled to the U-Net's pixel size" if rescaled else "not rescaled"
    note = (
        f"No objects were found at any scale, so that their diameter is not known: the image is {how}. "
        "If there are some, set `diameter`."
    )
    notes = () if found.membranes else (note,)
    return Sizing(other.factors, other.source, seconds=found.seconds, notes=notes)


def work(image: Image, spatial: str, factors: Sequence[float]) -> float:
    """Return by how much rescaling multiplies the pixels that the network is shown."""
    shape = rescaled_shape(image, spatial, factors)
    return 1.0 if shape is None else prod(shape) / prod(image.sizes[a] for a in spatial)


def warning(image: Image, spec: ModelSpec, size: Sizing, seconds: float) -> str:
    """Say how much work rescaling makes, and what would make less.

    Parameters
    ----------
    image, spec, size
        The image, the model's description, and the scale.
    seconds
        Time that the run will take.
    """
    times = work(image, spec.axes, size.factors)
    takes = f"{times:.0f} times the work, about {format_seconds(max(seconds, 1))}"
    if size.diameter is None or spec.diameter is None:
        return (
            f"Rescaling to the pixel size of {spec.name!r} enlarges the image to {takes}. "
            "`rescale=False` leaves it as it is."
        )
    # fourfold work, by the same factor along each axis
    other = size.diameter * (times / MUCH_WORK) ** (1 / len(spec.axes))
    return (
        f"Objects of {size.diameter:.3g} pixels are enlarged to the {spec.diameter:.3g} that "
        f"{spec.name!r} learnt: {takes}. `diameter={other:.2g}` makes it 4 times the work, and "
        "`rescale=False` once, at some loss of quality."
    )


def _by_pixel_size(image: Image, spec: ModelSpec, options: SegmentOptions) -> Sizing:
    factors = pixel_size_factors(image, spec.axes, spec.pixel_size, options.pixel_size)
    return Sizing(factors, "pixel size" if factors else "none")


def _factors(image: Image, spec: ModelSpec, diameter: float) -> tuple[float, ...]:
    assert spec.diameter is not None
    return diameter_factors(image, spec.axes, diameter, spec.diameter, spec.pixel_size)


def _check(image: Image, spec: ModelSpec, diameter: float) -> None:
    if spec.diameter is None:
        raise UserError(
            f"The image can't be rescaled by its objects' diameter for {spec.name!r}",
            value=f"{diameter:g} pixels",
            rule="The U-Net states no diameter of the objects that it learnt.",
            remedy="Leave `diameter` out, or state the U-Net's: napari-unet models diameter.",
        )
    longest = max(image.sizes[a] for a in "YX")
    if diameter > longest:
        raise UserError(
            "The diameter is larger than the image",
            value=f"{diameter:g} pixels, the image is {image.sizes['X']} × {image.sizes['Y']}",
            rule="It is that of a typical object in the image, in pixels.",
            remedy="Measure an object in pixels, or leave `diameter` out: it is estimated then.",
        )


def _contradictions(spec: ModelSpec, options: SegmentOptions) -> list[str]:
    """Say that a diameter and a pixel size that were both set mean different scales."""
    assert spec.diameter is not None
    if options.pixel_size is None or not spec.pixel_size or options.diameter is None:
        return []
    expected = spec.diameter * spec.pixel_size[-1] / options.pixel_size
    if 1 / CONTRADICTION <= options.diameter / expected <= CONTRADICTION:
        return []
    return [
        f"Diameter and pixel size contradict each other: at {options.pixel_size:g} µm, objects like "
        f"those that {spec.name!r} learnt measure {expected:.3g} pixels, not {options.diameter:.3g}. "
        "The diameter counts."
    ]


def _doubts(found: DiameterEstimate) -> list[str]:
    notes = [f"Diameter estimated: {found.diameter:.3g} pixels."]
    if found.two_sizes is not None:
        small, large = found.two_sizes
        notes.append(
            f"There are objects of two very different sizes, about {small:.3g} and {large:.3g} pixels; "
            f"the scale between is used. `diameter={small:.2g}` or `diameter={large:.2g}` suits one of "
            "them."
        )
    elif found.objects == 1:
        notes = [f"Diameter estimated: {found.diameter:.3g} pixels, from a single object."]
    elif not found.certain:
        notes = [
            f"Diameter estimated, but not for certain: {found.diameter:.3g} pixels. If that is wrong, "
            "set `diameter`."
        ]
    return notes
