"""The sample images, as *File ▸ Open Sample* wants them."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unet.services.files.images import open_image
from napari_unet.services.samples import sample_path

LayerData = tuple[Any, dict[str, Any], str]


def nuclei_stack() -> list[LayerData]:
    """Return nuclei in fluorescence at seven time points as layer data."""
    return _layers("nuclei_stack")


def phase_cells() -> list[LayerData]:
    """Return cells in phase contrast as layer data."""
    return _layers("phase_cells")


def em_neurites() -> list[LayerData]:
    """Return an electron micrograph of neurites as layer data."""
    return _layers("em_neurites")


def em_axons() -> list[LayerData]:
    """Return an electron micrograph of axons with their myelin as layer data."""
    return _layers("em_axons")


def stained_tissue() -> list[LayerData]:
    """Return stained tissue, in colours, as layer data."""
    return _layers("stained_tissue")


def nuclei_volume() -> list[LayerData]:
    """Return a volume of nuclei in fluorescence as layer data."""
    return _layers("nuclei_volume")


def _layers(name: str) -> list[LayerData]:
    image = open_image(sample_path(name))
    units = dict.fromkeys("ZYX", image.unit) | {"T": "second"}
    pixels = np.asarray(image.data[...])
    colours = "S" in image.axes
    axes = image.axes.replace("S", "")
    keywords: dict[str, Any] = {
        "name": image.name.replace("_", " "),
        "scale": [image.scale.get(a, 1.0) for a in axes],
        "units": [units.get(a, "pixel") for a in axes],
        "axis_labels": [a.lower() for a in axes],
        "metadata": {"channel_names": list(image.channel_names)},
    }
    if colours:
        keywords["rgb"] = True
    else:
        # otherwise, a few very bright cells would make the others dark
        limits = np.percentile(pixels, (0.1, 99.7))
        keywords["contrast_limits"] = [float(x) for x in limits]
    return [(pixels, keywords, "image")]
