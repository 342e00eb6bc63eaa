"""Putting a model package to its own test: its test input must give its test output."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.importers.descriptions import TensorDescription
    from napari_unet.core.importers.packages import Package
    from napari_unet.core.importers.processing import Activation
    from napari_unet.core.model.spec import Model
    from napari_unet.core.unet.config import UNetConfig

TOLERANCE = 1e-4
"""Largest difference from a package's test output."""


@dataclass(frozen=True)
class Trial:
    """A package's test tensors.

    Attributes
    ----------
    given
        (batch, channels, [Z,] Y, X), before the preprocessing.
    wanted
        (batch, classes, [Z,] Y, X), after the postprocessing.
    """

    given: NDArray[Any]
    wanted: NDArray[Any]

    def compare(self, model: Model, declared: Activation | None) -> tuple[Activation, float]:
        """Run the test input through the model, in float32.

        Parameters
        ----------
        model
            The model, whose activation must be ``"none"``.
        declared
            Activation of the package's postprocessing; None if it has none, when the network itself
            may end in one.

        Returns
        -------
        tuple
            The activation that comes closest to the test output, and the largest difference left.
        """
        config = model.spec.config
        image = Image(self.given, "BC" + config.spatial, name="the test input")
        samples = frames(image, config.spatial, range(config.in_channels))
        logits = torch.empty(self.wanted.shape)
        for step in Predictor(model, Compute("cpu", "float32")).run(samples):
            if isinstance(step, Outputs):
                sample = logits[step.frame.index["B"]]
                sample[(slice(None), *step.write)] = torch.from_numpy(step.values)
        wanted = torch.from_numpy(np.ascontiguousarray(self.wanted, dtype=np.float32))
        # softmax of a single class is 1 everywhere
        several: tuple[Activation, ...] = ("softmax",) if config.out_channels > 1 else ()
        tried = (declared,) if declared else ("sigmoid", *several, "none")
        errors = {kind: float((_activated(logits, kind) - wanted).abs().max()) for kind in tried}
        best = min(errors, key=lambda kind: errors[kind])
        return best, errors[best]

    def check_probability(self, kind: Activation) -> None:
        """Raise a `UserError` if an output without activation is no probability."""
        low, high = float(self.wanted.min()), float(self.wanted.max())
        if kind == "none" and not -TOLERANCE <= low <= high <= 1 + TOLERANCE:
            raise UserError(
                "The package's output is no probability",
                value=f"values from {low:.3g} to {high:.3g}",
                rule="The network or its postprocessing must end in a sigmoid or softmax.",
                remedy="If the values are logits, open the package's weights file by itself: then "
                "a sigmoid or softmax is applied.",
            )


def _activated(logits: torch.Tensor, kind: Activation) -> torch.Tensor:
    if kind == "softmax":
        return logits.softmax(dim=1)
    return logits.sigmoid() if kind == "sigmoid" else logits


def read_trial(package: Package, config: UNetConfig) -> Trial:
    """Read a package's test tensors.

    Raises
    ------
    UserError
        When they are missing, broken, or not of the network's shape.
    """
    source, target = package.description.inputs[0], package.description.outputs[0]
    given, wanted = _read(package, source), _read(package, target)
    _check_shapes(package, given, wanted, config)
    return Trial(given, wanted)


def _read(package: Package, tensor: TensorDescription) -> NDArray[Any]:
    """Read a test tensor as batch, channels, then the spatial axes in our order."""
    if tensor.test_tensor is None:
        raise _untestable(package, f"no test tensor for {tensor.id}")
    data = package.read(tensor.test_tensor)
    try:
        array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise _untestable(package, f"{tensor.test_tensor.source}: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise _untestable(package, f"{tensor.test_tensor.source} is no array of numbers")
    letters = tensor.letters
    if array.ndim != len(letters) or 0 in array.shape:
        raise _untestable(package, f"shape {array.shape} for axes {letters}")
    for letter in "CB":
        if letter not in letters:
            array, letters = array[None], letter + letters
    spatial = "ZYX" if "Z" in letters else "YX"
    return array.transpose([letters.index(letter) for letter in "BC" + spatial])


def _check_shapes(
    package: Package, given: NDArray[Any], wanted: NDArray[Any], config: UNetConfig
) -> None:
    batch, _, *size = given.shape
    if given.shape[1] != config.in_channels or len(size) != config.ndim:
        raise _untestable(
            package,
            f"test input {given.shape} for a {config.ndim}-D network of {config.in_channels} "
            "channel(s)",
        )
    if wanted.shape != (batch, config.out_channels, *size):
        raise _untestable(
            package,
            f"test output {wanted.shape} for test input {given.shape} and "
            f"{config.out_channels} class(es)",
        )


def _untestable(package: Package, met: str) -> UserError:
    return UserError(
        f"{package.path.name} can't be put to its own test",
        value=met,
        rule="A package is accepted only when its test input gives its test output.",
        remedy="Get the whole package with its test tensors, or open its weights file by itself "
        "and judge the result with your own eyes.",
    )
