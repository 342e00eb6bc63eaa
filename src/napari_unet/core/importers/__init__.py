"""Networks of others, recognised, checked and turned into models of ours: one small file a format.

Nothing that comes with weights is ever run: no code, no pickle.

May import `inference` and `model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.importers.fetch import fetch_weights
from napari_unet.core.importers.files import Kind, identify
from napari_unet.core.importers.packages import MissingWeightsError
from napari_unet.core.model.file import is_model_file, load_model

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import Model

__all__ = ["MissingWeightsError", "fetch_weights", "load_foreign"]


def load_foreign(path: Path) -> Model:
    """Read a network that another program saved, or a model file of our own.

    Parameters
    ----------
    path
        A state dict of PyTorch or safetensors, or a bioimage.io package: its folder, zip or YAML
        description.

    Returns
    -------
    Model
        Its normalisation is the family's or the package's own. A package has been put to its own
        test; the figure is in its provenance.

    Raises
    ------
    MissingWeightsError
        When a package's weights are elsewhere; `fetch_weights` can get them.
    UserError
        When the file is anything else, broken or unknown; says what it is and what to do.
    """
    # they import torch, which callers of this package put off
    from napari_unet.core.importers.bioimageio import load_package
    from napari_unet.core.importers.weights import load_weights

    try:
        if path.is_dir() or path.suffix.lower() in (".yaml", ".yml"):
            return load_package(path)
        with path.open("rb") as stream:
            kind = identify(stream, path.name)
            if kind is Kind.SAFETENSORS and is_model_file(path):
                return load_model(path)
            if kind is not Kind.PACKAGE:
                return load_weights(stream, path)
        return load_package(path)
    except OSError as error:
        raise UserError(
            f"{path.name} can't be read",
            value=error.strerror or error,
            rule="The file must be there, and you must be allowed to read it.",
            remedy="Check the path and its permissions.",
        ) from error
