"""A network from scratch that suits what was painted."""

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
    """Describe a network for what was painted.

    Parameters
    ----------
    annotations
        What it is to learn; the pixel size of the first image is taken.
    options
        The seed is taken from them.
    ndim
        2 for planes, 3 for volumes.
    channels
        How many channels of the images go in.
    classes
        Names of the classes without the background; None: those that are found in the paint.
    task
        Whether it tells objects apart; None: if objects were painted.
    names
        What the classes that are found in the paint are called, as far as they have names.

    Raises
    ------
    UserError
        When the paint makes no sense.
    """
    from napari_unet.core.model.adapt import NewModel

    if classes is None:
        found = yield from inspect_annotations(annotations)
        unnamed = tuple(found.names.values())
        classes = (*names[: len(unnamed)], *unnamed[len(names) :])
    painted = all(annotation.kind == "objects" for annotation in annotations)
    image = annotations[0].image
    spacing = image.spacing("ZYX"[-ndim:])
    return NewModel(
        ndim=ndim,
        channels=channels,
        classes=classes,
        task=task or ("objects" if painted else "semantic"),
        spacing=spacing,
        name=f"{image.name}-net",
        seed=options.seed,
    )
