"""Cut the sample images, and the pictures on the cards of the bundled networks, out of published data.

    python tools/make_samples.py DATA [SAMPLE ...]

`DATA` is the folder with the sets. Sizes of pixels and intervals are those that the publishers state.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import tifffile

from napari_unet.services.library import bundled_folder
from napari_unet.services.samples import sample_path

WINDOWS: dict[str, tuple[str, tuple[slice, ...], dict[str, Any]]] = {
    # every third of the first frames
    "nuclei_stack": (
        "timelapse-hela/stack.tif",
        (slice(0, 20, 3), slice(100, 500), slice(300, 812)),
        {"axes": "TYX", "pixel": 0.645, "unit": "um", "finterval": 3 * 30 * 60},
    ),
    "phase_cells": (
        "more/phase-usiigaci/images/set09.tif",
        (slice(224, 640), slice(224, 640)),
        {"axes": "YX"},
    ),
    "em_neurites": (
        "em-epfl/volume.tif",
        (5, slice(0, 400), slice(100, 500)),
        {"axes": "YX", "pixel": 0.005, "unit": "um"},
    ),
    "em_axons": (
        "more/em-axon-sem/images/rat3-data10.tif",
        (slice(100, 500), slice(100, 500)),
        {"axes": "YX"},
    ),
    "stained_tissue": (
        "more/histology-tnbc/images/08_2.tif",
        (slice(56, 456), slice(56, 456)),
        {"axes": "YXS"},
    ),
    "nuclei_volume": (
        "nuclei-3d/volume.tif",
        (slice(26, 74), slice(2, 98), slice(2, 98)),
        {"axes": "ZYX", "pixel": 0.1268, "unit": "um", "spacing": 0.2837},
    ),
}
"""Where each sample is cut from, and its axes and sizes in micrometres and seconds."""
CARDS = {
    "nuclei-fluorescence": "nuclei_stack",
    "nuclei-broad": "nuclei_stack",
    "cells-phase": "phase_cells",
    "nuclei-histology": "stained_tissue",
    "cells-phase-u373": "phase_cells",
    "membranes-em": "em_neurites",
    "axons-em": "em_axons",
    "nuclei-3d": "nuclei_volume",
}
"""The sample that each network of the package, or of that for research, is for."""
MIXED = {"everything": ("nuclei_stack", "phase_cells", "stained_tissue", "nuclei_volume")}
"""Networks for several kinds of images: a quarter of their picture each."""
RESEARCH = (
    Path(__file__)
    .resolve()
    .parents[1]
    .joinpath("packaging/napari-unet-models-research/src/napari_unet_models_research")
)
PICTURE = 64
"""Side of the pictures in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help=", ".join(WINDOWS))
    given = parser.parse_args()
    for name in given.samples or WINDOWS:
        write_sample(given.data, name)
    for network, name in CARDS.items():
        folders = [
            each for each in (bundled_folder(), RESEARCH) if (each / f"{network}.md").exists()
        ]
        if folders and name in (given.samples or WINDOWS):
            picture = folders[0] / f"{network}.png"
            imageio.imwrite(picture, thumbnail(tifffile.imread(sample_path(name))))

    for network, names in MIXED.items():
        quarters = [thumbnail(tifffile.imread(sample_path(name))) for name in names]
        small = [(q.mean(axis=-1) if q.ndim == 3 else q)[::2, ::2] for q in quarters]
        mixed = np.vstack([np.hstack(small[:2]), np.hstack(small[2:])]).astype(np.uint8)
        imageio.imwrite(bundled_folder() / f"{network}.png", mixed)


def write_sample(data: Path, name: str) -> None:
    """Write a sample as an ImageJ TIFF."""
    source, window, facts = WINDOWS[name]
    facts = dict(facts)
    pixel = facts.pop("pixel", None)
    sizes = {} if pixel is None else {"resolution": (1 / pixel, 1 / pixel)}
    path = sample_path(name)
    pixels = np.ascontiguousarray(tifffile.imread(data / source)[window])
    compression = {"compression": "zlib", "predictor": True}
    tifffile.imwrite(path, pixels, imagej=True, metadata=facts, **sizes, **compression)
    print(f"{path.name}: {pixels.shape}, {path.stat().st_size / 1e6:.2f} MB")


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return a small picture of the middle of an image."""
    colours = pixels.ndim == 3 and pixels.shape[-1] == 3
    while pixels.ndim > 2 + colours:
        pixels = pixels[len(pixels) // 2]
    step = max(1, min(pixels.shape[:2]) // (2 * PICTURE))
    top, left = ((n - step * PICTURE) // 2 for n in pixels.shape[:2])
    part = pixels[top : top + step * PICTURE, left : left + step * PICTURE].astype(np.float32)
    small = part.reshape(PICTURE, step, PICTURE, step, -1).mean(axis=(1, 3))
    low, high = (0, 255) if colours else np.percentile(small, [1, 99.5])
    shown: np.ndarray = (255 * np.clip((small - low) / (high - low), 0, 1)).astype(np.uint8)
    return shown if colours else shown[..., 0]


if __name__ == "__main__":
    main()
