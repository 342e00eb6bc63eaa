"""How long it takes to write the outlines of 50,000 objects in a plane of 10,000 × 10,000 pixels.

Run ``python benchmarks/outlines.py``. It prints processor seconds and peak memory for a ROI archive and
for GeoJSON, and checks that both ends stay within 20 s and 1 GiB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_unet.core.image.axes import Image
from napari_unet.services.files.object_outlines import save_outlines

SECONDS, GIB = 20, 1


def discs(side: int, step: int = 44, radius: int = 16) -> np.ndarray:
    """Return a plane of discs on a grid, each with a number of its own."""
    labels = np.zeros((side, side), np.uint32)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = y**2 + x**2 <= radius**2
    centres = range(radius + 4, side - radius - 4, step)
    for number, (cy, cx) in enumerate(((a, b) for a in centres for b in centres), start=1):
        labels[cy - radius : cy + radius + 1, cx - radius : cx + radius + 1][disc] = number
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=10_000)
    labels = discs(parser.parse_args().side)
    image = Image(labels, "YX")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("zip", "geojson"):
            start = time.process_time()
            n = save_outlines(Path(folder) / f"objects.{suffix}", labels, image)
            seconds = time.process_time() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
            failed |= seconds > SECONDS or peak > GIB
            print(
                f"{suffix}: {n:,} outlines, {seconds:.1f} s of processor time, peak {peak:.2f} GiB"
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
