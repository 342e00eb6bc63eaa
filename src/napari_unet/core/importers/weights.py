"""A file of nothing but weights: what its family does is taken for what the training did."""

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
        Its path, which gives the model's name.

    Raises
    ------
    UserError
        When it is no state dict, or of no family we know.
    """
    found = read_state_dict(stream, path.name)
    layout, (candidate, *_) = recognise(found.tensors, path.name)
    classes = candidate.config.out_channels
    spec = ModelSpec(
        name=path.stem,
        config=candidate.config,
        classes=class_names(found.mask_values, classes),
        activation=layout.several if classes > 1 else "sigmoid",
        normalization=layout.normalization,
        provenance=Provenance(origin=path.name, format=f"{layout.family} state dict"),
    )
    return Model(spec, candidate.network())


def class_names(mask_values: Sequence[Any], classes: int) -> tuple[str, ...]:
    """Name classes by the pixel values they had in the training masks, where that says anything.

    Parameters
    ----------
    mask_values
        Pixel values, or colours, in the order of the classes; a network with a single output has
        two, the first of them the background.
    classes
        Outputs of the network.

    Returns
    -------
    tuple
        A name for each output; empty when the values are missing or just count the classes.
    """
    n = max(classes, 2)
    values = [str(v) for v in mask_values]
    if len(values) != n or values == [str(i) for i in range(n)] or (n == 2 and values[0] == "0"):
        return ()
    return tuple(f"mask value {value}" for value in values[n - classes :])
