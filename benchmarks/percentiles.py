"""Whether percentiles of images of any type, up to 64 million pixels, are exactly numpy's.

    python benchmarks/percentiles.py [--side 8192] [--types float32 uint32 …]

Each image has few bright objects on a dim background, a range that the type allows, and in floating
point some pixels without data. Its extremes are outliers neither by our rule nor numpy's. Leaves with
status 1 if a percentile differs by a bit.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.image.percentiles import percentiles
from napari_unet.core.progress import finish

TYPES = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", ">u2", ">f4"),
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--side", type=int, default=8192, help="8192: 64 million pixels")
    arguments.add_argument("--types", nargs="*", default=TYPES)
    chosen = arguments.parse_args()
    wrong = 0
    for name in chosen.types:
        pixels = make_pixels(np.dtype(name), chosen.side)
        began = time.perf_counter()
        measured = finish(percentiles(frames(Image(pixels, "YX"), "YX", [0]), Normalization()))
        seconds = time.perf_counter() - began
        values = pixels.ravel()
        values = values[~np.isnan(values)] if pixels.dtype.kind == "f" else values
        expected = np.percentile(values.astype(np.float64), (1, 99.8))
        same = (measured.low[0], measured.width[0]) == (expected[0], expected[1] - expected[0])
        wrong += not same
        print(
            f"{name:8s} {pixels.size / 1e6:5.1f} M pixels: {'the same' if same else 'DIFFERS'}, "
            f"{expected[0]:g} to {expected[1]:g}, {seconds:.1f} s",
            flush=True,
        )
    sys.exit(wrong > 0)


def make_pixels(dtype: np.dtype, side: int) -> np.ndarray:
    """Return a square image that uses the range of a type unevenly, as microscopes' images do."""
    rng = np.random.default_rng(0)
    top = 1.0 if dtype.kind == "b" else min(60_000.0, 0.9 * _largest(dtype))
    out = np.empty((side, side), dtype)
    for row in range(0, side, 256):
        block = rng.gamma(2.0, top / 40, (min(256, side - row), side))
        bright = rng.random(block.shape) < 0.01
        block[bright] = rng.uniform(top / 2, top, np.count_nonzero(bright))
        block = np.minimum(block, top)
        part = block > 0.1 if dtype.kind == "b" else block
        out[row : row + 256] = part.astype(dtype)
    if dtype.kind == "f":
        out[::97, ::89] = np.nan
    return out


def _largest(dtype: np.dtype) -> float:
    return float(np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max)


if __name__ == "__main__":
    main()
