"""A model written for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.exporters.credits import Credits
from napari_unet.core.progress import Progress
from napari_unet.services.files.save import check_free

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job

__all__ = ["Credits", "export"]


def export(model: Model, path: Path, credits: Credits, *, overwrite: bool = False) -> Job[None]:
    """Write a model as a bioimage.io package or as an ONNX file, by the suffix of the path.

    Parameters
    ----------
    model
        The model.
    path
        A file ending in ``.zip`` or ``.onnx``.
    credits
        Authors, licence and citations, for a package.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    UserError
        When the suffix is another, nobody is named as the author, or the file exists or can't be
        written.
    """
    # they bring torch
    from napari_unet.core.exporters.onnx_file import export_onnx
    from napari_unet.core.exporters.package import export_package

    check_free(path, overwrite)
    match path.suffix.lower():
        case ".zip":
            yield from export_package(model, path, credits, overwrite=overwrite)
        case ".onnx":
            yield Progress(0, 1, "Writing ONNX")
            export_onnx(model, path, overwrite=overwrite)
        case suffix:
            raise UserError(
                f"{path.name} can't be written",
                value=f"the suffix {suffix!r}",
                rule="A network is exported as a bioimage.io package (.zip) or as ONNX (.onnx).",
                remedy="Give the file one of these suffixes.",
            )
