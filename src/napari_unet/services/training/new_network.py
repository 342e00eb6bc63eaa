"""Describes a new network that suits the annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.annotations.inspection import inspect_annotations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Task
    from napari_unet.core.progress import Job
    from napari_unet.core.training.options import TrainingOptions


def new_network(
    annotations: Sequence[Annotation],
    options: TrainingOptions,
    *,
    ndim: int,
    channels: int = 1,
    classes: tuple[str, ...] | None = None,
    task: Task | None = None,
    names: Sequence[str] = (),
) -> Job[NewModel]:
    """Describe a new network that suits the annotations.

    Parameters
    ----------
    annotations
        What it is to learn; the first image gives the pixel size.
    options
        Give the seed.
    ndim
        2 for planes, 3 for volumes.
    channels
        Number of image channels that it gets.
    classes
        Names of the classes without the background; None: as many as are annotated.
    task
        ``"objects"`` if it is to separate objects; None: if objects are annotated.
    names
        Names for the annotated classes, as far as these have any.

    Raises
    ------
    UserError
        When the annotations contradict themselves.
    """
    from napari_unet.core.model.adapt import NewModel

    if classes is None:
        inspection = yield from inspect_annotations(annotations)
        unnamed = tuple(inspection.names.values())
        classes = (*names[: len(unnamed)], *unnamed[len(names) :])
    objects = all(annotation.kind == "objects" for annotation in annotations)
    image = annotations[0].image
    spacing = image.spacing("ZYX"[-ndim:])
    return NewModel(
        ndim=ndim,
        channels=channels,
        classes=classes,
        task=task or ("objects" if objects else "semantic"),
        spacing=spacing,
        name=f"{image.name}-net",
        seed=options.seed,
    )
