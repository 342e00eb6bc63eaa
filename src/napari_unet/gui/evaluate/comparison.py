"""A result and its true labels: whether they fit each other, and how they are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_unet.core.errors import UserError
from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.image.axes import Image
from napari_unet.gui.evaluate.truth_layers import as_image
from napari_unet.gui.layers.annotation_layers import names_by_value
from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.fit import fits
from napari_unet.gui.layers.images import image_of, likely_axes
from napari_unet.gui.layers.layer_pair import pair_layers, regions_of
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.purpose import belongs, is_annotation, kind_of
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.session.responsiveness import torch_ready

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari
    from napari.layers import Layer

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.annotations.regions import Region
    from napari_unet.core.image.axes import Lazy
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.layers.placement import Placement
    from napari_unet.services.evaluation.scores import Evaluation

ALIGN = "Align to the result"
"""The button that mends what `compare_layers` reports of labels that lie elsewhere."""


@dataclass(frozen=True, eq=False)
class LabelComparison:
    """A result and the true labels, as they were when the comparison was asked for.

    Attributes
    ----------
    result, truth
        The layers.
    names
        Their names.
    prediction, true
        Their labels, with the same axes.
    kind
        What they mean, as for `compare_labels`.
    spatial, regions
        As for `LabelPair`.
    classes
        Names of the result's values.
    placed
        How labels are placed over the result.
    """

    result: Labels
    truth: Layer
    names: tuple[str, str]
    prediction: Image
    true: Lazy
    kind: Kind
    spatial: str | None
    regions: tuple[Region, ...]
    classes: Mapping[int, str]
    placed: Placement

    @property
    def in_volumes(self) -> bool:
        """Whether objects are compared in volumes, not plane by plane."""
        return self.spatial is None and "Z" in self.prediction.axes

    def job(self, states: Any) -> Job[Evaluation]:
        """Compare them; `states` is as for `mark_mistakes`."""
        yield from torch_ready()
        # these import torch, which is loaded by now
        from napari_unet.services.evaluation.evaluate import compare_labels
        from napari_unet.services.evaluation.label_pairs import LabelPair
        from napari_unet.services.evaluation.mistakes import mark_mistakes

        pair = LabelPair(self.prediction, self.true, None, self.spatial, self.regions)
        return (
            yield from mark_mistakes(compare_labels([pair], self.kind, self.classes), pair, states)
        )

    @property
    def paths(self) -> tuple[Path, Path] | None:
        """The files that both were opened from; None unless each is from a file."""
        paths = [layer.source.path for layer in (self.result, self.truth)]
        return (Path(paths[0]), Path(paths[1])) if all(paths) else None

    def command(self) -> str:
        """Return the line that gives the same scores.

        Raises
        ------
        UserError
            When there is no such line.
        """
        # it imports tifffile, which would delay the opening of the panel
        from napari_unet.services.commands.evaluation import evaluate_command
        from napari_unet.services.commands.line import no_command

        if self.paths is None:
            raise no_command(
                "the labels were not opened from files", "Save both as TIFFs, and open these."
            )
        if self.regions:
            raise no_command(
                "only what is checked was compared", "Delete the frames of what is checked."
            )
        return evaluate_command(
            self.prediction, self.true, self.paths, self.kind, in_volumes=self.in_volumes
        )


def compare_layers(
    viewer: napari.Viewer, model: Model | None, result: Labels, truth: Layer, kind: Kind
) -> LabelComparison:
    """Pair a result with the true labels.

    Parameters
    ----------
    viewer
        Holds their image, if it is open.
    model
        Where the result's record does not say, objects of a 2-D model lie in single planes.
    result, truth
        The layers.
    kind
        What they mean.

    Raises
    ------
    UserError
        When the true labels are not whole numbers, or do not match the result pixel for pixel.
    """
    image = as_image(viewer, result, truth)
    predicted = pair_layers(result, image, result, kind, None)
    true = pair_layers(result, image, truth, kind, None)
    try:
        check_alignment(image, true.paint(), true.scale, true.offset, truth.name)
    except UserError as error:
        remedy = f"If they do match pixel for pixel, press “{ALIGN}”. Else choose the right layer."
        if not fits(result, image, truth):
            remedy = "Open the true labels of this result, with as many pixels, and choose them."
        if np.dtype(true.paint().dtype).kind not in "iub":
            remedy = error.remedy
        parts = {"value": error.value, "rule": error.rule, "remedy": remedy}
        raise UserError(error.problem, **parts) from None  # type: ignore[arg-type]
    axes = image.label_axes
    return LabelComparison(
        result,
        truth,
        (result.name, truth.name),
        Image(predicted.paint(), axes, image.scale, image.unit, result.name),
        true.paint(),
        kind,
        _spatial(result, model),
        _where_checked(viewer, truth, axes),
        names_by_value(result),
        place(result, image.axes),
    )


def _spatial(result: Labels, model: Model | None) -> str | None:
    """Return ``"YX"`` if objects were found in planes; None if that is not known."""
    record = result.metadata.get(RECORD)
    axes = record.get("axes") if isinstance(record, dict) else None
    if axes is None and model is not None:
        axes = model.spec.axes
    return "YX" if axes == "YX" else None


def _where_checked(viewer: napari.Viewer, truth: Layer, axes: str) -> tuple[Region, ...]:
    """Return where an annotation is marked as checked; nothing if it is not."""
    if not is_annotation(truth) or kind_of(truth) == "scribbles":
        return ()
    for source in viewer.layers:
        shapes = checked_layer(viewer, source) if isinstance(source, ImageLayer) else None
        if shapes is None or not len(shapes.data) or not belongs(truth, source):
            continue
        image = image_of(source, likely_axes(source))
        if image.label_axes == axes:
            return regions_of(shapes, source, image)
    return ()
