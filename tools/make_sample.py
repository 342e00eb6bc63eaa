"""Cut the sample stack out of the time-lapse `Fluo-N2DL-HeLa 02`.

    python tools/make_sample.py STACK.tif

Every third of the first frames, a window of 400 × 512 pixels. The acquisition's pixel size (0.645 µm)
and interval (30 min) are the Cell Tracking Challenge's figures for this data set.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tifffile

from napari_unet.services.files.images import sample_path

PIXEL = 0.645
SECONDS = 3 * 30 * 60


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("stack", type=Path)
    stack = tifffile.imread(arguments.parse_args().stack)
    window = stack[:20:3, 100:500, 300:812]
    path = sample_path()
    tifffile.imwrite(
        path,
        window,
        imagej=True,
        compression="zlib",
        predictor=True,
        resolution=(1 / PIXEL, 1 / PIXEL),
        metadata={"axes": "TYX", "unit": "um", "finterval": SECONDS},
    )
    print(f"{path.name}: {window.shape}, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
