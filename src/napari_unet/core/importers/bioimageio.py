"""bioimage.io model packages: accepted once they give their own test output through our network."""

from __future__ import annotations

import io
from math import inf
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.importers.families import recognise
from napari_unet.core.importers.packages import Package, file_name, open_package
from napari_unet.core.importers.processing import activation, normalization
from napari_unet.core.importers.state_dicts import read_state_dict
from napari_unet.core.importers.verification import TOLERANCE, read_trial
from napari_unet.core.model.spec import Model, ModelSpec, Provenance

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.importers.descriptions import TensorDescription
    from napari_unet.core.unet.config import UNetConfig

MICROMETERS = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
}


def load_package(path: Path) -> Model:
    """Read a model package, format 0.4 or 0.5.

    Parameters
    ----------
    path
        Its folder, zip or description.

    Raises
    ------
    UserError
        When it can't be read, needs what we can't do, or doesn't give its own test output.
    """
    package = open_package(path)
    source, target = _only_tensors(package)
    # before the weights, which take long to read: what can't be done at all
    before, after = normalization(source), activation(target)
    weights = file_name(package.weights.source)
    found = read_state_dict(io.BytesIO(package.read(package.weights)), weights)
    layout, candidates = recognise(found.tensors, weights)
    trial = read_trial(package, candidates[0].config)
    smallest = inf
    for candidate in candidates:
        spec = _spec(package, candidate.config).model_copy(update={"normalization": before})
        model = Model(spec, candidate.network())
        kind, error = trial.compare(model, after)
        smallest = min(smallest, error)
        if error <= TOLERANCE:
            trial.check_probability(kind)
            facts = Provenance(
                origin=path.name,
                format=f"bioimage.io {package.description.format_version}, {layout.family}",
                verified_error=error,
            )
            done = {**dict(spec), "activation": kind, "provenance": facts}
            return Model(ModelSpec.model_validate(done), model.network)
    raise UserError(
        f"{package.path.name} does not give its own test output",
        value=f"a difference of {smallest:.2g} at best",
        rule=f"A package is accepted when no pixel differs by more than {TOLERANCE:g}.",
        remedy="Its network is not the U-Net that its weights look like; it can't be used here.",
    )


def _only_tensors(package: Package) -> tuple[TensorDescription, TensorDescription]:
    """Return the input and the output, of which there must be one each, over planes or volumes."""
    inputs, outputs = package.description.inputs, package.description.outputs
    axes = [
        sorted(tensor.letters.replace("B", "").replace("C", "")) for tensor in (*inputs, *outputs)
    ]
    if len(axes) != 2 or axes[0] != axes[1] or axes[0] not in ([*"XY"], [*"XYZ"]):
        raise UserError(
            f"{package.path.name} is no network from an image to classes",
            value=", ".join(f"{t.id} {t.letters}" for t in (*inputs, *outputs)),
            rule="It must have one input and one output, both over Y X or Z Y X, with channels.",
            remedy="Choose a model for semantic segmentation.",
        )
    return inputs[0], outputs[0]


def _spec(package: Package, config: UNetConfig) -> ModelSpec:
    about = package.description
    source, target = about.inputs[0], about.outputs[0]
    channels, classes = source.channel_names, target.channel_names
    size = {a.letter: a.scale * MICROMETERS.get(a.unit or "", 0) for a in source.axes}
    pixel_size = tuple(size[a] for a in config.spatial if a in size)
    return ModelSpec(
        name=about.name,
        description=about.description or "",
        config=config,
        channels=channels if len(channels) == config.in_channels else (),
        classes=classes if len(classes) == config.out_channels else (),
        activation="none",
        pixel_size=pixel_size if len(pixel_size) == config.ndim and all(pixel_size) else (),
        license=about.license or "",
        # older packages append the affiliation
        authors=tuple(person.name.partition(";")[0] for person in about.authors),
        citation=tuple(f"{c.text} {c.doi or ''}".strip() for c in about.cite),
    )
