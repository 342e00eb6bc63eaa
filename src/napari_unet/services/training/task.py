"""Whether a network learns classes of pixels or single objects, where nobody chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import ModelSpec, Task
    from napari_unet.services.training.options import FinetuneOptions


def task_of(
    spec: ModelSpec, annotations: Sequence[Annotation], options: FinetuneOptions
) -> Task | None:
    """Return the task that a network is tuned for; None: its own.

    Where every object was annotated, a network of one class that only knows pixels learns to tell
    objects apart: it merges those that touch.
    """
    if options.task is not None or options.classes is not None or spec.task == "objects":
        return options.task
    objects = bool(annotations) and all(each.kind == "objects" for each in annotations)
    return "objects" if objects and len(spec.label_names) == 1 else None


def task_note(spec: ModelSpec, annotations: Sequence[Annotation], options: FinetuneOptions) -> str:
    """Say that a network gets new outputs to tell objects apart; empty if nobody need be told."""
    if options.task is not None or task_of(spec, annotations, options) is None:
        return ""
    return (
        f"{spec.name} only knows pixels and merges objects that touch; it gets new outputs that tell "
        "objects apart (unless the task is “classes of pixels”)."
    )
