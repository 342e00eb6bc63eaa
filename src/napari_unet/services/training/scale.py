"""The scale at which annotated images are learnt: that at which the network knows their objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.annotations.rescale import AS_THEY_ARE, Rescaling
from napari_unet.core.diameter.annotated import annotated_diameter
from napari_unet.core.image.scale import diameter_factors, is_same_diameter
from napari_unet.core.progress import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.services.training.options import FinetuneOptions


def choose_rescaling(
    annotations: Sequence[Annotation], parent: ModelSpec, options: FinetuneOptions
) -> Job[Rescaling]:
    """Choose by how much each annotated image is rescaled for a network that is tuned.

    Each image's objects are measured where they are annotated as objects; classes and scribbles, which
    don't tell objects apart, take the diameter of the options or that of the other images.

    Parameters
    ----------
    annotations
        What will be learnt.
    parent
        The network that is tuned.
    options
        Its settings.

    Yields
    ------
    Notice
        Where an image is rescaled, by how much and why.

    Raises
    ------
    UserError
        As `inspect_annotations`.
    """
    learnt = parent.diameter
    if learnt is None or not options.rescale:
        return AS_THEY_ARE
    diameters = yield from _diameters(annotations, parent, options.diameter)
    if all(each is None or is_same_diameter(each, learnt) for each in diameters):
        return AS_THEY_ARE
    factors = tuple(
        ()
        if diameter is None or is_same_diameter(diameter, learnt)
        else diameter_factors(a.image, parent.axes, diameter, learnt, parent.pixel_size)
        for a, diameter in zip(annotations, diameters, strict=True)
    )
    yield Notice(0, options.steps, text=_sentence(annotations, diameters, factors, parent))
    return Rescaling(factors, parent.axes)


def _diameters(
    annotations: Sequence[Annotation], parent: ModelSpec, given: float | None
) -> Job[list[float | None]]:
    """Return the diameter of each image's objects, in pixels along X; None where it is not known."""
    if given is not None:
        return [given] * len(annotations)
    objects = [a for a in annotations if a.kind == "objects"]
    truths = (yield from inspect_annotations(objects, parent.label_names)).truths if objects else ()
    measured = {}
    for annotation, truth in zip(objects, truths, strict=True):
        measured[id(annotation)] = yield from annotated_diameter([truth], parent.axes)
    overall = (yield from annotated_diameter(truths, parent.axes)) if truths else None
    return [measured.get(id(annotation)) or overall for annotation in annotations]


def _sentence(
    annotations: Sequence[Annotation],
    diameters: Sequence[float | None],
    factors: Sequence[tuple[float, ...]],
    parent: ModelSpec,
) -> str:
    rescaled = [i for i, each in enumerate(factors) if each]
    first = rescaled[0]
    name = annotations[first].image.name
    others = f" and {len(rescaled) - 1} more" if len(rescaled) > 1 else ""
    return (
        f"Objects of {name!r}{others} measure about {diameters[first]:.3g} pixels, those that "
        f"{parent.name!r} learnt {parent.diameter:.3g}: images are shown to it at "
        f"{factors[first][-1]:.2g} times their size. "
        "With Rescale off, they are learnt at their own pixels."
    )
