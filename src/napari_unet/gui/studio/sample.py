"""The sample stack, as *File ▸ Open Sample* wants it."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unet.services.files.images import open_image, sample_path

LayerData = tuple[Any, dict[str, Any], str]


def nuclei_stack() -> list[LayerData]:
    """Return the sample stack that comes with the package as layer data."""
    image = open_image(sample_path())
    units = dict.fromkeys("ZYX", image.unit) | {"T": "second"}
    pixels = np.asarray(image.data[...])
    return [
        (
            pixels,
            {
                "name": image.name.replace("_", " "),
                "scale": [image.scale.get(a, 1.0) for a in image.axes],
                "units": [units.get(a, "pixel") for a in image.axes],
                # otherwise, a few very bright cells would make the others dark
                "contrast_limits": [float(x) for x in np.percentile(pixels, (0.1, 99.7))],
                "axis_labels": [a.lower() for a in image.axes],
                "metadata": {"channel_names": list(image.channel_names)},
            },
            "image",
        )
    ]
