"""Files with nothing but weights: how the network was trained is taken from its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from napari_unet.core.importers.families import recognise
from napari_unet.core.importers.state_dicts import read_state_dict
from napari_unet.core.model.spec import Model, ModelSpec, Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def load_weights(stream: BinaryIO, path: Path) -> Model:
    """Read a state dict that comes without a description.

    Parameters
    ----------
    stream
        The open file.
    path
        Its path, after which the model is named.

    Raises
    ------
    UserError
        When it is not a state dict, or not one of a known family.
    """
    saved = read_state_dict(stream, path.name)
    layout, (candidate, *_) = recognise(saved.tensors, path.name)
    classes = candidate.config.out_channels
    spec = ModelSpec(
        name=path.stem,
        config=candidate.config,
        classes=class_names(saved.mask_values, classes),
        activation=layout.activation if classes > 1 else "sigmoid",
        normalization=layout.normalization,
        provenance=Provenance(origin=path.name, format=f"{layout.family} state dict"),
    )
    return Model(spec, candidate.network())


def class_names(mask_values: Sequence[Any], classes: int) -> tuple[str, ...]:
    """Name classes by their pixel values in the training masks, where these are informative.

    Parameters
    ----------
    mask_values
        Pixel values, or colours, in the order of the classes; a network with a single output has two, of
        which the first is the background.
    classes
        Number of outputs of the network.

    Returns
    -------
    tuple of str
        A name for each output; empty if the values are missing or just number the classes.
    """
    n = max(classes, 2)
    values = [str(v) for v in mask_values]
    if len(values) != n or values == [str(i) for i in range(n)] or (n == 2 and values[0] == "0"):
        return ()
    return tuple(f"mask value {value}" for value in values[n - classes :])
