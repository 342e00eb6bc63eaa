"""Importing networks of other programs: they are recognised, checked and turned into our models.

Nothing that comes with weights is ever run, neither code nor pickles.

May import `inference` and `model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.importers.fetch import fetch_weights
from napari_unet.core.importers.files import DOWNLOAD_AGAIN, Kind, identify
from napari_unet.core.importers.packages import MissingWeightsError
from napari_unet.core.model.file import is_model_file, load_model

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import Model

__all__ = ["MissingWeightsError", "fetch_weights", "load_foreign"]


def load_foreign(path: Path) -> Model:
    """Read a network that another program saved, or one of our model files.

    Parameters
    ----------
    path
        A state dict saved by PyTorch or as safetensors, an ONNX file, a model folder of nnU-Net v2 or
        that of a fold in it, a folder with a single checkpoint, or a bioimage.io package: its folder,
        zip file or YAML description.

    Returns
    -------
    Model
        Its normalisation is that of its family or package. A package has passed its own test; the
        remaining difference is in the provenance.

    Raises
    ------
    MissingWeightsError
        When the weights of a package are stored elsewhere; `fetch_weights` can get them.
    UserError
        When the file is anything else, damaged or unknown; says what it is and what to do.
    """
    # these import torch, which importing this package does not
    from napari_unet.core.importers.bioimageio import load_package
    from napari_unet.core.importers.nnunet_folder import is_nnunet_folder, load_nnunet_folder
    from napari_unet.core.importers.sidecars import only_checkpoint
    from napari_unet.core.importers.weights import load_onnx, load_weights

    if path.exists() and not (path.is_file() or path.is_dir()):
        raise _unreadable(path, "a pipe, socket or device")
    try:
        if path.is_dir() and is_nnunet_folder(path):
            return load_nnunet_folder(path)
        if path.is_dir():
            path = only_checkpoint(path) or path
        if path.is_dir() or path.suffix.lower() in (".yaml", ".yml"):
            return load_package(path)
        with path.open("rb") as stream:
            kind = identify(stream, path.name)
            if kind is Kind.SAFETENSORS and is_model_file(path):
                return load_model(path)
            if kind is Kind.ONNX:
                return load_onnx(stream, path)
            if kind is not Kind.PACKAGE:
                return load_weights(stream, path)
        return load_package(path)
    except UserError:
        raise
    except OSError as error:
        raise _unreadable(path, error.strerror or error) from error
    except Exception as error:
        # reading a damaged file may raise anything
        cause = str(error).partition("\n")[0][:120]
        raise UserError(
            f"{path.name} is damaged, or not what it seems to be",
            value=f"{type(error).__name__}: {cause}" if cause else type(error).__name__,
            rule="A network can only be read from a complete file.",
            remedy=DOWNLOAD_AGAIN,
        ) from error


def _unreadable(path: Path, cause: object) -> UserError:
    return UserError(
        f"{path.name} can't be read",
        value=cause,
        rule="The file must exist, and you need permission to read it.",
        remedy="Check the path and its permissions.",
    )
