"""Whether images that are large for a container end in a result, and not in a kill.

    python benchmarks/container.py [--limit 900] [--model nuclei-fluorescence]

Makes a control group (version 1 or 2; that takes the rights of root) with a limit in MiB and no swap,
in which the kernel ends every program that takes more. Each case is a process of its own in it:
`napari-unet segment` of a plane of 4096² with the bundled network, and of a stack whose numbered
objects alone take more than the limit, with a network so small that only the memory matters. Leaves
with status 1 unless both end in labels of the right shape.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import tifffile

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.host_memory import CGROUPS, MEMBERSHIP, V1, V2
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.file import save_model
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions

SIDE, PLANES, BACKGROUND = 4096, 16, 400


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--limit", type=int, default=900, help="MiB")
    arguments.add_argument("--model", default="nuclei-fluorescence")
    arguments.add_argument("--part", choices=["plane", "stack"], help="only this one")
    chosen = arguments.parse_args()
    passed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(_tiny(), folder / "tiny.safetensors")
        cases = {"plane": (1, chosen.model), "stack": (PLANES, str(folder / "tiny.safetensors"))}
        for part in [chosen.part] if chosen.part else cases:
            planes, model = cases[part]
            image = folder / f"{part}.tif"
            _write_image(image, planes)
            with control_group(chosen.limit << 20) as group:
                passed.append(_segment(image, model, group, planes))
    sys.exit(not all(passed))


def _tiny() -> Model:
    """Train a network that is as small as can be to find the discs."""
    discs = _discs(2)
    noise = np.random.default_rng(1).integers(0, 300, discs.shape, np.uint16)
    paint = (1 + (discs > BACKGROUND)).astype(np.uint8)
    annotation = Annotation(Image(discs + noise, "YX"), paint, "scribbles")
    start = NewModel(base=2, depth=1, classes=("disc",))
    options = FinetuneOptions(
        steps=80, minutes=None, patch=64, batch=2, held_out=0, learning_rate=0.02
    )
    return finish(finetune([annotation], start, options)).model


def _discs(times: int) -> np.ndarray:
    y, x = np.mgrid[-32:32, -32:32]
    disc = np.where(y**2 + x**2 < 12**2, 9000, BACKGROUND)
    return np.tile(disc, (times, times)).astype(np.uint16)


def _write_image(path: Path, planes: int) -> None:
    """Write fields of discs like nuclei, a plane at a time."""
    rng = np.random.default_rng(0)
    plane = _discs(SIDE // 64)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for _ in range(planes):
            noise = rng.integers(0, 300, (SIDE, SIDE), np.uint16)
            file.write(plane + noise, contiguous=True, photometric="minisblack")


@contextmanager
def control_group(limit: int) -> Iterator[Path]:
    """Make a control group below that of this process, and remove it afterwards."""
    for line in MEMBERSHIP.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            root, (limits, *_) = CGROUPS / "memory", V1
        elif controllers == "" and (CGROUPS / "cgroup.controllers").is_file():
            # processes and groups below them exclude each other: beside this one
            root, (limits, *_), path = CGROUPS, V2, str(Path(path).parent)
        else:
            continue
        group = root / path.lstrip("/") / f"napari-unet-{os.getpid()}"
        group.mkdir()
        try:
            (group / limits).write_text(str(limit))
            for swap, value in (("memory.memsw.limit_in_bytes", limit), ("memory.swap.max", 0)):
                with suppress(OSError):
                    (group / swap).write_text(str(value))
            yield group
        finally:
            group.rmdir()
        return
    sys.exit("There are no control groups of memory here.")


def _segment(image: Path, model: str, group: Path, planes: int) -> bool:
    labels = image.with_name(f"{image.stem}-labels.tif")
    own = [sys.executable, "-m", "napari_unet", "segment", str(image), "-o", str(labels)]

    def enter() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    began = time.perf_counter()
    done = subprocess.run(
        [*own, "--model", model, "--objects"],
        check=False,
        preexec_fn=enter,
        capture_output=True,
        text=True,
    )
    peaks = (group / name for name in ("memory.max_usage_in_bytes", "memory.peak"))
    peak = next((int(path.read_text()) / 2**20 for path in peaks if path.is_file()), float("nan"))
    right = done.returncode == 0 and _is_right(labels, planes)
    print(
        f"{planes} x {SIDE}²: status {done.returncode}, {'labels' if right else 'NO LABELS'}, peak "
        f"{peak:.0f} MiB with the kernel's cache, {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    if not right:
        print(done.stderr[-2000:])
    return right


def _is_right(path: Path, planes: int) -> bool:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        middle = np.asarray(series.pages[-1].asarray())
        return series.shape[-2:] == (SIDE, SIDE) and len(series) == planes and bool(middle.any())


if __name__ == "__main__":
    main()
