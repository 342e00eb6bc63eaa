"""A test image for a package, what the network makes of it, and the package's documentation."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Picture
from scipy.ndimage import gaussian_filter

from napari_unet.core.device import Compute
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.exporters.credits import Credits
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import Job

DIAMETER = 16.0
"""Diameter of the blobs in a test image, in pixels, for models that state none."""


def sample_image(spec: ModelSpec, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an image of blobs, as large as the objects that a model has learnt.

    Parameters
    ----------
    spec
        The model's description.
    shape
        Spatial shape.

    Returns
    -------
    ndarray of float32
        (1, in_channels, [Z,] Y, X), whole numbers from 0 to 255.
    """
    random = np.random.default_rng(0)
    noise = random.normal(size=(spec.config.in_channels, *shape))
    sigma = (spec.diameter or DIAMETER) / 4
    blobs = np.stack([gaussian_filter(each, sigma) for each in noise])
    blobs = blobs / max(float(blobs.std()), 1e-9) + 0.1 * noise
    low, high = np.percentile(blobs, (30, 99.9))
    scaled = np.clip((blobs - low) / max(float(high - low), 1e-9), 0, 1) * 235 + 20
    image: NDArray[np.float32] = np.rint(scaled)[None].astype(np.float32)
    return image


def run_sample(model: Model, image: NDArray[np.float32]) -> Job[NDArray[np.float32]]:
    """Return the outputs for a test image, (1, out_channels, [Z,] Y, X), computed in 32 bits."""
    config = model.spec.config
    source = Image(image, "BC" + config.spatial, name="the test image")
    outputs = np.zeros((1, config.out_channels, *image.shape[2:]), np.float32)
    predictor = Predictor(model, Compute("cpu", "float32"))
    for step in predictor.run(frames(source, config.spatial, range(config.in_channels))):
        if isinstance(step, Outputs):
            outputs[0][(slice(None), *step.write)] = step.values
        else:
            yield step
    return outputs


def cover(image: NDArray[np.float32], outputs: NDArray[np.float32]) -> bytes:
    """Return a PNG with the test image on the left and what the network makes of it on the right."""
    planes = []
    for array in (image[0, 0], outputs[0, 0] if outputs.shape[1] == 1 else outputs[0, -1]):
        plane = array if array.ndim == 2 else array[len(array) // 2]
        low, high = float(plane.min()), float(plane.max())
        planes.append(((plane - low) / max(high - low, 1e-9) * 255).astype(np.uint8))
    buffer = io.BytesIO()
    Picture.fromarray(np.concatenate(planes, axis=1)).resize((512, 256)).save(buffer, "PNG")
    return buffer.getvalue()


def documentation(spec: ModelSpec, credits: Credits) -> str:
    """Return the documentation of a package, in Markdown."""
    lines = [f"# {spec.name}", "", spec.description or "A U-Net, exported by U-Net Studio.", ""]
    lines += [f"- **Input**: {', '.join(spec.channels)}; axes {spec.axes}."]
    if spec.diameter:
        lines += [
            f"- **Size**: it learnt objects about {spec.diameter:g} pixels wide; resample others."
        ]
    if spec.normalization.kind == "divide_255":
        lines += ["- **Values** are from 0 to 255; the package divides them by 255."]
    lines += ["- **Output**: " + ", ".join(spec.classes) + ".", ""]
    lines += ["## From the output to labels", "", *_output_to_labels(spec)]
    scores = spec.provenance.training.get("scores")
    lines += ["", "## Training", "", f"- Origin: {spec.provenance.origin or 'not stated'}."]
    if scores:
        lines += [f"- Scores on its validation set: {scores}."]
    lines += [f"- Licence: {spec.license or credits.license or 'not stated'}."]
    lines += [f"- Please cite: {text}." for text in credits.citations]
    return "\n".join([*lines, ""])


def _output_to_labels(spec: ModelSpec) -> list[str]:
    """Say how other programs get labels from the output."""
    if spec.task == "objects":
        return [
            "Three maps from 0 to 1: how surely a pixel is part of an object, how surely it is on the "
            "boundary of one, and how deep inside it lies.",
            "",
            f"1. Foreground: the first map above {spec.threshold:g}.",
            f"2. Seeds: the connected parts in which the third map, less the second, exceeds "
            f"{spec.separation:g} of the highest value of their object.",
            "3. A watershed on the third map, turned upside down, from these seeds, within the "
            "foreground.",
            "",
            "U-Net Studio does the same when it opens this package.",
        ]
    if spec.activation == "softmax":
        return ["Each pixel is of the class with the highest probability; the first is background."]
    return [f"A pixel is of a class where its probability exceeds {spec.threshold:g}."]
