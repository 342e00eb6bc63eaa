"""Testing an imported package: its test input must give its test output."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np
import torch

from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.objects.diameters import diameters, typical, without_nets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.importers.descriptions import TensorDescription
    from napari_unet.core.importers.packages import Package
    from napari_unet.core.importers.processing import Activation
    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.model.spec import Model

TOLERANCE = 1e-4
"""Largest accepted difference from the test output of a package."""
FEWEST_OBJECTS, SMALLEST_OBJECT = 3, 6.0
"""How many objects of which diameter in a test output tell what a network has learnt: noise has none."""


@dataclass(frozen=True)
class PackageTest:
    """The test tensors of a package.

    Attributes
    ----------
    input
        (batch, channels, [Z,] Y, X), before the preprocessing.
    output
        (batch, classes, [Z,] Y, X), after the postprocessing.
    """

    input: NDArray[Any]
    output: NDArray[Any]

    def compare(self, model: Model, declared: Activation | None) -> tuple[Activation, float]:
        """Run the test input through the model, in float32.

        Parameters
        ----------
        model
            The model; its activation must be ``"none"``.
        declared
            Activation in the postprocessing of the package; None if there is none, so that the network
            itself may end in one.

        Returns
        -------
        activation
            The one that comes closest to the test output.
        error
            The largest absolute difference that is left.
        """
        config = model.spec.config
        image = Image(self.input, "BC" + config.spatial, name="the test input")
        samples = frames(image, config.spatial, range(config.in_channels))
        logits = torch.empty(self.output.shape)
        for step in Predictor(model, Compute("cpu", "float32")).run(samples):
            if isinstance(step, Outputs):
                sample = logits[step.frame.index["B"]]
                sample[(slice(None), *step.write)] = torch.from_numpy(step.values)
        expected = torch.from_numpy(np.ascontiguousarray(self.output, dtype=np.float32))
        # the softmax of a single class is 1 everywhere
        softmax: tuple[Activation, ...] = ("softmax",) if config.out_channels > 1 else ()
        tried = (declared,) if declared else ("sigmoid", *softmax, "none")
        errors = {kind: float((_activated(logits, kind) - expected).abs().max()) for kind in tried}
        best = min(errors, key=lambda kind: errors[kind])
        return best, errors[best]

    def diameter(self, kind: Activation) -> float | None:
        """Return the typical diameter of the objects in the test output, in pixels along X.

        Parameters
        ----------
        kind
            The activation, from `compare`: with softmax, the first class is the background.

        Returns
        -------
        float or None
            None where there are not enough objects that are large enough to tell.
        """
        found = self.output[:, 1:] if kind == "softmax" else self.output
        planes = (without_nets(cc3d.connected_components(each.max(axis=0) > 0.5)) for each in found)
        values = np.concatenate([diameters(plane.astype(np.int32)) for plane in planes])
        values = values[values >= SMALLEST_OBJECT]
        return round(typical(values), 1) if len(values) >= FEWEST_OBJECTS else None

    def check_probability(self, kind: Activation) -> None:
        """Check that an output without activation is a probability.

        Parameters
        ----------
        kind
            The activation, from `compare`.

        Raises
        ------
        UserError
            When there is none, and the test output is not within 0 to 1.
        """
        low, high = float(self.output.min()), float(self.output.max())
        if kind == "none" and not -TOLERANCE <= low <= high <= 1 + TOLERANCE:
            raise UserError(
                "The output of this package is not a probability",
                value=f"values from {low:.3g} to {high:.3g}",
                rule="The network or its postprocessing must end in a sigmoid or softmax.",
                remedy="If the values are logits, open its weights file by itself: then a sigmoid or "
                "softmax is applied.",
            )


def _activated(logits: torch.Tensor, kind: Activation) -> torch.Tensor:
    if kind == "softmax":
        return logits.softmax(dim=1)
    return logits.sigmoid() if kind == "sigmoid" else logits


def read_test(package: Package, config: Architecture) -> PackageTest:
    """Read the test tensors of a package.

    Parameters
    ----------
    package
        The package.
    config
        The architecture of its network.

    Raises
    ------
    UserError
        When they are missing, damaged, or their shape does not fit the network.
    """
    source, target = package.description.inputs[0], package.description.outputs[0]
    test = PackageTest(_read(package, source), _read(package, target))
    _check_shapes(package, test, config)
    return test


def _read(package: Package, tensor: TensorDescription) -> NDArray[Any]:
    """Read a test tensor with the axes batch, channels, [Z,] Y, X."""
    if tensor.test_tensor is None:
        raise _untestable(package, f"no test tensor for {tensor.id}")
    data = package.read(tensor.test_tensor)
    try:
        array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise _untestable(package, f"{tensor.test_tensor.source}: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise _untestable(package, f"{tensor.test_tensor.source} is not an array of numbers")
    letters = tensor.letters
    if array.ndim != len(letters) or 0 in array.shape:
        raise _untestable(package, f"shape {array.shape} for axes {letters}")
    for letter in "CB":
        if letter not in letters:
            array, letters = array[None], letter + letters
    spatial = "ZYX" if "Z" in letters else "YX"
    return array.transpose([letters.index(letter) for letter in "BC" + spatial])


def _check_shapes(package: Package, test: PackageTest, config: Architecture) -> None:
    batch, channels, *size = test.input.shape
    if channels != config.in_channels or len(size) != config.ndim:
        raise _untestable(
            package,
            f"test input {test.input.shape} for a {config.ndim}-D network of {config.in_channels} "
            "channel(s)",
        )
    if test.output.shape != (batch, config.out_channels, *size):
        raise _untestable(
            package,
            f"test output {test.output.shape} for test input {test.input.shape} and "
            f"{config.out_channels} class(es)",
        )


def _untestable(package: Package, cause: str) -> UserError:
    return UserError(
        f"{package.path.name} can't run its own test",
        value=cause,
        rule="A package is only accepted if its test input gives its test output.",
        remedy="Get the whole package with its test tensors, or open its weights file by itself and "
        "check the results yourself.",
    )
