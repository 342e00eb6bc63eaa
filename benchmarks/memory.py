"""Peak memory of `segment` beyond input and output, for growing images and stacks at a fixed tile.

    python benchmarks/memory.py [--base 16] [--tile 512]

Every case runs in a process of its own, which reports the highest resident memory it reached over what
it held before the run, less the labels it made. The input is a memory-mapped TIFF, read by windows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import tifffile

CASES = {
    "1 plane of 1024²": (1, 1024),
    "8 planes of 1024²": (8, 1024),
    "1 plane of 2048², 4 times larger": (1, 2048),
    "1 plane of 4096², 16 times larger": (1, 4096),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--base", type=int, default=16)
    arguments.add_argument("--tile", type=int, default=512)
    arguments.add_argument("--case", type=Path)
    chosen = arguments.parse_args()
    if chosen.case:
        print(json.dumps(_measure(chosen.case, chosen.base, chosen.tile)))
        return
    print(f"float32, base {chosen.base}, depth 4, tile {chosen.tile}")
    first = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, (planes, side) in CASES.items():
            path = Path(folder) / f"{planes}-{side}.tif"
            shape = (planes, side, side)
            tifffile.memmap(path, shape=shape, dtype=np.uint16, metadata={"axes": "ZYX"}).flush()
            own = [sys.executable, __file__, "--case", str(path)]
            options = ["--base", str(chosen.base), "--tile", str(chosen.tile)]
            text = subprocess.run(
                [*own, *options], check=True, capture_output=True, text=True
            ).stdout
            found = json.loads(text.splitlines()[-1])
            first = first or found["peak"]
            print(
                f"{name:36s} peak {found['peak'] / 2**20:6.0f} MiB ({found['peak'] / first:.2f}× the "
                f"first), planned {found['planned'] / 2**20:.0f} MiB"
            )


def _measure(path: Path, base: int, tile: int) -> dict[str, float]:
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import finish
    from napari_unet.core.unet.config import UNetConfig
    from napari_unet.core.unet.network import UNet
    from napari_unet.services.files.images import open_image
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.prepare import prepare
    from napari_unet.services.segmentation.segment import segment

    config = UNetConfig.classic(base=base, depth=4, out_channels=2)
    model = Model(ModelSpec(name="random", config=config), UNet(config).eval())
    options = SegmentOptions(device="cpu", precision="float32", tile=tile)
    # a first small run loads libraries and kernels, which are no memory of the image
    warm = path.with_name("warm.tif")
    tifffile.imwrite(warm, np.zeros((tile, tile), np.uint16), metadata={"axes": "YX"})
    finish(segment(open_image(warm), model, options))
    image = open_image(path)
    with _PeakMemory() as peak:
        result = finish(segment(image, model, options))
    mapped = int(np.prod(image.data.shape)) * image.data.dtype.itemsize
    held = peak.bytes - result.labels.nbytes - min(mapped, peak.shared)
    return {"peak": held, "planned": prepare(image, model, options).plan.memory}


class _PeakMemory:
    """Highest private and shared resident memory in a span, over what there was before."""

    def __enter__(self) -> _PeakMemory:
        self._process = psutil.Process()
        self._stop = threading.Event()
        before = self._process.memory_info()
        self._before, self._before_shared = before.rss, getattr(before, "shared", 0)
        self.bytes = self.shared = 0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            now = self._process.memory_info()
            self.bytes = max(self.bytes, now.rss - self._before)
            self.shared = max(self.shared, getattr(now, "shared", 0) - self._before_shared)
            time.sleep(0.002)


if __name__ == "__main__":
    main()
