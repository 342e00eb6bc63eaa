"""The sample stack, as *File ▸ Open Sample* wants it."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unet.services.images import open_image, sample_path

LayerData = tuple[Any, dict[str, Any], str]


def nuclei_stack() -> list[LayerData]:
    """Return the sample stack that comes with the package as layer data."""
    image = open_image(sample_path())
    return [
        (
            np.asarray(image.data[...]),
            {
                "name": image.name.replace("_", " "),
                "scale": [image.scale.get(a, 1.0) for a in image.axes],
                "units": [image.unit if a in "ZYX" else "pixel" for a in image.axes],
                "axis_labels": [a.lower() for a in image.axes],
                "metadata": {"channel_names": list(image.channel_names)},
            },
            "image",
        )
    ]
