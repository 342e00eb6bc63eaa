"""A comparison of labels as the command that repeats it, with the same scores."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.services.commands.line import as_line, no_command
from napari_unet.services.commands.same_file import opens_as
from napari_unet.services.files.images import open_image

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image, Lazy


def evaluate_command(
    prediction: Image, true: Lazy, paths: tuple[Path, Path], kind: Kind, *, in_volumes: bool
) -> str:
    """Return the line that compares label files as labels in memory were compared.

    Parameters
    ----------
    prediction, true
        The labels, with the same axes.
    paths
        The files they were opened from.
    kind
        What they mean.
    in_volumes
        Whether they were compared in volumes rather than in planes.

    Raises
    ------
    UserError
        When no command would give the same scores.
    """
    if kind == "objects" and in_volumes != ("Z" in prediction.axes):
        raise no_command(
            "a stack of planes was compared plane by plane", "Compare the planes one by one."
        )
    predicted_path, true_path = paths
    axes = None if opens_as(predicted_path, None, prediction) else prediction.axes
    truth = replace(prediction, data=true, axes=_own_axes(true_path, prediction))
    for path, image, stated in ((predicted_path, prediction, axes), (true_path, truth, None)):
        # in all planes: labels are corrected wherever they need it
        if not opens_as(path, stated, image, all_planes=True):
            raise no_command(
                f"{path.name} holds other labels", "Save the labels as a TIFF, and open that."
            )
    words = ["napari-unet", "evaluate", "--predicted", str(predicted_path)]
    words += ["--labels", str(true_path), "--kind", kind]
    return as_line([*words, *([] if axes is None else ["--axes", axes])])


def _own_axes(path: Path, prediction: Image) -> str:
    """Return the axes that a file of true labels states; which ones they are has no effect."""
    try:
        axes = open_image(path).axes
    except UserError:
        return prediction.axes
    return axes if len(axes) == len(prediction.axes) else prediction.axes
