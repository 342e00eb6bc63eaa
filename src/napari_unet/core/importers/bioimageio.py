"""bioimage.io model packages, accepted if our network reproduces their test output."""

from __future__ import annotations

import io
from math import inf
from typing import TYPE_CHECKING

import torch
from pydantic import ValidationError

from napari_unet.core.errors import UserError
from napari_unet.core.importers.families.recognise import recognise
from napari_unet.core.importers.onnx.recognise import recognise_onnx
from napari_unet.core.importers.packages import ONNX, Package, file_name, open_package
from napari_unet.core.importers.processing import activation, normalization
from napari_unet.core.importers.state_dicts import read_state_dict
from napari_unet.core.importers.verification import TOLERANCE, read_test
from napari_unet.core.model.architecture import build_network
from napari_unet.core.model.spec import Model, ModelSpec, Provenance

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from napari_unet.core.importers.descriptions import TensorDescription
    from napari_unet.core.model.architecture import Architecture

OWN_CONFIG = "napari_unet"
"""Where a package keeps our own description of the model, below ``config``."""

MICROMETERS = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
}


def load_package(path: Path) -> Model:
    """Read a model package of format 0.4 or 0.5.

    Parameters
    ----------
    path
        Its folder, zip file or description.

    Raises
    ------
    UserError
        When it can't be read, is not supported, or its test output is not reproduced.
    """
    package = open_package(path)
    source, target = _only_tensors(package)
    # before the weights, which take long to read: this shows whether the package is supported
    before, after = normalization(source), activation(target)
    form, data = package.read_weights()
    weights = file_name(package.description.weights[form].source)
    if form == ONNX:
        found = recognise_onnx(data, weights)
    else:
        saved = read_state_dict(io.BytesIO(data), weights)
        own = _own_model(package, saved.tensors)
        if own is not None:
            return own
        found = recognise(saved.tensors, saved.beside, weights)
    test = read_test(package, found.candidates[0].config)
    smallest = inf
    for candidate in found.candidates:
        spec = _spec(package, candidate.config).model_copy(update={"normalization": before})
        model = Model(spec, candidate.network())
        kind, error = test.compare(model, after)
        smallest = min(smallest, error)
        if error <= TOLERANCE:
            test.check_probability(kind)
            provenance = Provenance(
                origin=path.name,
                format=f"bioimage.io {package.description.format_version}, {found.family}",
                verified_error=error,
            )
            fields = {**dict(spec), "activation": kind, "provenance": provenance}
            fields["diameter"] = test.diameter(kind)
            return Model(ModelSpec.model_validate(fields), model.network)
    raise UserError(
        f"{package.path.name} fails its own test",
        value=f"its output differs from the test output by {smallest:.2g} at best",
        rule=f"A package is accepted if no pixel differs by more than {TOLERANCE:g}.",
        remedy="Its network is not the U-Net that its weights suggest. Use another model.",
    )


def _own_model(package: Package, tensors: dict[str, Tensor]) -> Model | None:
    """Read a package that U-Net Studio wrote, as exactly as the model it was written from.

    None: it is of another program, or its weights are not those of its description.
    """
    kept = package.description.config.get(OWN_CONFIG)
    try:
        spec = ModelSpec.model_validate(kept["spec"]) if isinstance(kept, dict) else None
    except (ValidationError, KeyError):
        return None
    if spec is None:
        return None
    with torch.device("meta"):
        network = build_network(spec.config)
    # counts of batches are no weights, and are not read
    counts = {key: torch.zeros((), dtype=torch.long) for key in network.state_dict()}
    counted = {k: v for k, v in counts.items() if k.endswith("num_batches_tracked")}
    try:
        network.load_state_dict({**tensors, **counted}, assign=True)
    except RuntimeError:
        return None
    logits = spec.model_copy(update={"activation": "none"})
    test = read_test(package, spec.config)
    _, error = test.compare(Model(logits, network.eval()), spec.activation)
    if error > TOLERANCE:
        return None
    provenance = spec.provenance.model_copy(update={"verified_error": error})
    return Model(spec.model_copy(update={"provenance": provenance}), network)


def _only_tensors(package: Package) -> tuple[TensorDescription, TensorDescription]:
    """Return the only input and the only output, both over planes or both over volumes."""
    inputs, outputs = package.description.inputs, package.description.outputs
    axes = [
        sorted(tensor.letters.replace("B", "").replace("C", "")) for tensor in (*inputs, *outputs)
    ]
    if len(axes) != 2 or axes[0] != axes[1] or axes[0] not in ([*"XY"], [*"XYZ"]):
        raise UserError(
            f"{package.path.name} is not a network from an image to classes",
            value=", ".join(f"{t.id} {t.letters}" for t in (*inputs, *outputs)),
            rule="It must have one input and one output, both with the axes Y X or Z Y X and channels.",
            remedy="Choose a model for semantic segmentation.",
        )
    return inputs[0], outputs[0]


def _spec(package: Package, config: Architecture) -> ModelSpec:
    description = package.description
    source, target = description.inputs[0], description.outputs[0]
    channels, classes = source.channel_names, target.channel_names
    size = {a.letter: a.scale * MICROMETERS.get(a.unit or "", 0) for a in source.axes}
    pixel_size = tuple(size[a] for a in config.spatial if a in size)
    return ModelSpec(
        name=description.name,
        description=description.description or "",
        config=config,
        channels=channels if len(channels) == config.in_channels else (),
        classes=classes if len(classes) == config.out_channels else (),
        activation="none",
        pixel_size=pixel_size if len(pixel_size) == config.ndim and all(pixel_size) else (),
        license=description.license or "",
        # older packages append the affiliation
        authors=tuple(person.name.partition(";")[0] for person in description.authors),
        citation=tuple(f"{c.text} {c.doi or ''}".strip() for c in description.cite),
    )
