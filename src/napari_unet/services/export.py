"""A model written for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.exporters.credits import Credits
from napari_unet.core.progress import Notice, Progress
from napari_unet.services.files.save import check_free

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import Job

__all__ = ["FORMATS", "Credits", "export"]

FORMATS = {
    ".zip": "bioimage.io package",
    ".onnx": "ONNX",
    ".czann": "ZEISS ZEN and arivis",
    ".pth": "weights for Pytorch-UNet",
}
"""What a network can be written as, by suffix."""


def export(model: Model, path: Path, credits: Credits, *, overwrite: bool = False) -> Job[None]:
    """Write a model for other programs; the suffix of the path says in which format.

    Parameters
    ----------
    model
        The model.
    path
        A file ending in ``.zip`` (bioimage.io package), ``.onnx``, ``.czann`` (ZEISS ZEN and arivis) or
        ``.pth`` (weights for Pytorch-UNet).
    credits
        Authors, licence and citations, for a package.
    overwrite
        Whether an existing file may be replaced.

    Yields
    ------
    Progress
        After each part.
    Notice
        What the file can't hold.

    Raises
    ------
    UserError
        When the suffix is another, the format can't hold this network, nobody is named as the author of
        a package, or the file exists or can't be written.
    """
    # they bring torch
    from napari_unet.core.exporters.czann import export_czann
    from napari_unet.core.exporters.onnx_file import export_onnx
    from napari_unet.core.exporters.package import export_package
    from napari_unet.core.exporters.pytorch_unet import export_pytorch_unet

    check_free(path, overwrite)
    match path.suffix.lower():
        case ".zip":
            yield from export_package(model, path, credits, overwrite=overwrite)
        case ".onnx":
            yield Progress(0, 1, "Writing ONNX")
            export_onnx(model, path, overwrite=overwrite)
        case ".czann":
            yield Progress(0, 1, "Writing the package")
            export_czann(model, path, credits, overwrite=overwrite)
            if note := _measured_by_tile(model.spec):
                yield Notice(1, 1, text=note)
        case ".pth":
            yield Progress(0, 1, "Writing the weights")
            export_pytorch_unet(model, path, overwrite=overwrite)
            yield Notice(1, 1, text=_weights_only(model.spec))
        case suffix:
            raise UserError(
                f"{path.name} can't be written",
                value=f"the suffix {suffix!r}",
                rule="A network is exported as a bioimage.io package (.zip), as ONNX (.onnx), for ZEISS "
                "ZEN and arivis (.czann), or as weights for Pytorch-UNet (.pth).",
                remedy="Give the file one of these suffixes.",
            )


def _measured_by_tile(spec: ModelSpec) -> str:
    if spec.normalization.kind not in ("percentile", "zscore"):
        return ""
    return (
        "There, brightness is measured in each tile and not in the whole image: where a tile holds "
        "background only, it may find objects in the noise."
    )


def _weights_only(spec: ModelSpec) -> str:
    kind = spec.normalization.kind
    how = "divided by 255, as it does" if kind == "divide_255" else f"normalised as here ({kind})"
    return (
        "The file holds the weights only: give Pytorch-UNet pixels that are "
        f"{how}, {len(spec.channels)} channel(s) and {len(spec.classes)} class(es)."
    )
