"""Two models on the same image: where their results differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.evaluation.difference import KINDS, Meaning, difference
from napari_unet.core.progress import as_part
from napari_unet.services.segmentation.options import SegmentOptions, labels_are_objects
from napari_unet.services.segmentation.segment import segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job


@dataclass(frozen=True, eq=False)
class Compared:
    """Where the results of two models differ.

    Attributes
    ----------
    labels
        Of the part that was compared, with the label axes of the image; 0 where both agree, else a key
        of `KINDS`.
    meaning
        What was compared: classes, objects, or foreground where the models have different classes.
    """

    labels: NDArray[np.uint8]
    meaning: Meaning

    def __str__(self) -> str:
        """Share of the pixels that differ, in a sentence."""
        pixels = np.bincount(self.labels.ravel(), minlength=len(KINDS) + 1)
        share = 100 * pixels[1:].sum() / max(self.labels.size, 1)
        if not share:
            return "Both give the same result here."
        parts = [
            f"{name} {100 * n / self.labels.size:.1f} %"
            for name, n in zip(KINDS.values(), pixels[1:], strict=True)
            if n
        ]
        return f"{share:.1f} % of the pixels differ: {', '.join(parts)}."


def compare(
    image: Image,
    before: Model,
    now: Model,
    options: SegmentOptions | None = None,
    *,
    region: Box | None = None,
) -> Job[Compared]:
    """Segment an image with two models, and find where they differ.

    Parameters
    ----------
    image
        The image.
    before, now
        The models, the older one first.
    options
        For both; None: the defaults.
    region
        A slice for each label axis: the part to compare; None: all.

    Yields
    ------
    Progress
        From 0 to 2, one for each model.

    Returns
    -------
    Compared
        The difference.

    Raises
    ------
    UserError
        When a model does not fit the image.
    """
    options = options or SegmentOptions()
    results = []
    for i, model in enumerate((before, now)):
        job = segment(image, model, options, region=region)
        result = yield from as_part(job, i, 2, name=model.spec.name)
        found = result.record["diameter"]["pixels"]
        if options.rescale and options.diameter is None and found is not None:
            # of the image, whichever model looks at it
            options = options.model_copy(update={"diameter": found})
        results.append(result.labels if region is None else result.labels[region])
    meaning = _meaning(before, now, options)
    labels = difference(results[0], results[1], meaning, now.spec.config.ndim)
    return Compared(labels, meaning)


def _meaning(before: Model, now: Model, options: SegmentOptions) -> Meaning:
    objects = [labels_are_objects(model.spec, options) for model in (before, now)]
    if all(objects):
        return "objects"
    if not any(objects) and before.spec.label_names == now.spec.label_names:
        return "classes"
    return "foreground"
