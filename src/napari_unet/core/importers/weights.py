"""Files with nothing but weights: how the network was trained is taken from its family."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from napari_unet.core.importers.families.recognise import recognise
from napari_unet.core.importers.onnx.recognise import recognise_onnx
from napari_unet.core.importers.sidecars import sidecars
from napari_unet.core.importers.state_dicts import read_state_dict
from napari_unet.core.model.spec import Model, ModelSpec, Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.importers.families.recognised import Recognised


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
    beside = {**sidecars(path), **saved.beside}
    return model_of(recognise(saved.tensors, beside, path.name), path, saved.mask_values)


def load_onnx(stream: BinaryIO, path: Path) -> Model:
    """Read an ONNX file that comes without a description.

    Parameters
    ----------
    stream
        The open file.
    path
        Its path, after which the model is named.

    Raises
    ------
    UserError
        When it is damaged, or has operators that no layer stands for.
    """
    found = recognise_onnx(stream.read(), path.name)
    if found.activation == "none":
        # logits, of which only their number tells what they are
        found = replace(found, activation="softmax")
    model = model_of(found, path)
    origin = model.spec.provenance.model_copy(update={"format": "ONNX"})
    return replace(model, spec=model.spec.model_copy(update={"provenance": origin}))


def model_of(found: Recognised, path: Path, mask_values: Sequence[Any] = ()) -> Model:
    """Return the model that a recognised network makes.

    Parameters
    ----------
    found
        The network; the first candidate is taken.
    path
        Where it was read from, after which the model is named.
    mask_values
        As for `class_names`.
    """
    candidate = found.candidates[0]
    config = candidate.config
    classes = found.classes if len(found.classes) == config.out_channels else ()
    spec = ModelSpec(
        name=path.stem,
        description=found.description,
        config=config,
        channels=found.channels if len(found.channels) == config.in_channels else (),
        classes=classes or class_names(mask_values, config.out_channels),
        activation=found.activation if config.out_channels > 1 else "sigmoid",
        normalization=found.normalization,
        pixel_size=found.pixel_size if len(found.pixel_size) == config.ndim else (),
        provenance=Provenance(origin=path.name, format=f"{found.family} state dict"),
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
