"""What segmenting by blocks costs, and whether anything can change its labels.

    python benchmarks/blocks.py [--data ../shared/data] [--model nuclei-fluorescence] [--size 8192]
                                [--parts memory growth ratio workers killed]

The image is a mosaic of fluorescence images of nuclei in random order, mirrored at random. Each run is
`napari-unet segment` in a process of its own; its memory is the largest sum over it and its workers,
less that of a run on 512² pixels. Outputs are OME-Zarr.

memory   a run by blocks: memory, time, number of objects, and the disk it took while it ran
growth   runs of 1/16, 1/4 and the whole of the area: time by area, and how far from a line
ratio    by blocks against the whole at once, in turns: processor time, and that the labels are equal
workers  one and two worker processes, each on a core of its own
killed   two workers, of which one is killed; and the whole killed at ten moments, then run to its end
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import tifffile
import zarr

from napari_unet.services.files.images import open_labels

TILE, KILLS, RUNS = 256, 10, 3
GIB = 1 << 30
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True)
class Cost:
    """Seconds of wall clock and of all processors, peak memory and disk in bytes."""

    wall: float
    processor: float
    memory: float
    disk: float


class Bench:
    """Runs of one mosaic, in a folder."""

    def __init__(self, folder: Path, data: Path, model: str) -> None:
        self.folder, self.model = folder, model
        paths = sorted((data / "nuclei-dsb2018" / "images").glob("*.tif"))
        images = [tifffile.imread(path) for path in paths]
        # dark ground, so that the normalisation of the whole suits all
        self._tiles = [i for i in images if i.shape == (TILE, TILE) and np.median(i) < 30]

    def mosaic(self, side: int) -> Path:
        """Return the path of a mosaic."""
        path = self.folder / f"mosaic-{side}.tif"
        if not path.exists():
            rng = np.random.default_rng(0)
            pixels = tifffile.memmap(path, shape=(side, side), dtype=np.uint8)
            for y in range(0, side, TILE):
                for x in range(0, side, TILE):
                    tile = self._tiles[rng.integers(len(self._tiles))]
                    tile = tile[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
                    pixels[y : y + TILE, x : x + TILE] = tile[: side - y, : side - x]
            pixels.flush()
        return path

    def command(self, side: int, output: Path, *words: str) -> list[str]:
        """Return the line that segments a mosaic; the diameter is given, which is no part of this."""
        line = [sys.executable, "-m", "napari_unet", "segment", str(self.mosaic(side))]
        line += [
            "-o",
            str(output),
            "--model",
            self.model,
            "--diameter",
            "17",
            "--precision",
            "float32",
        ]
        return [*line, *words]

    def run(self, side: int, name: str, *words: str, cores: str = "") -> Cost:
        """Run it to its end and measure it."""
        output = self.folder / f"{name}.zarr"
        shutil.rmtree(output, ignore_errors=True)
        pinned = ["taskset", "-c", cores] if cores else []
        began = time.monotonic()
        before = os.times()
        memory = disk = 0.0
        with subprocess.Popen([*pinned, *self.command(side, output, *words)], **QUIET) as process:
            while process.poll() is None:
                memory = max(memory, _memory(process.pid))
                if time.monotonic() - began > 60 * (1 + disk / GIB):
                    disk = max(disk, _disk(self.folder / f".{name}.zarr.blocks"))
                time.sleep(0.2)
            assert process.returncode == 0, "the run failed"
        after = os.times()
        spent = after.children_user + after.children_system
        spent -= before.children_user + before.children_system
        return Cost(time.monotonic() - began, spent, memory, disk)

    def labels(self, name: str) -> zarr.Array:
        """Return the labels of a run."""
        return open_labels(self.folder / f"{name}.zarr").data


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--model", default="nuclei-fluorescence")
    arguments.add_argument("--size", type=int, default=8192)
    arguments.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    chosen = arguments.parse_args()
    for part in chosen.parts:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[part](Bench(Path(folder), chosen.data, chosen.model), chosen.size)


def memory(bench: Bench, side: int) -> None:
    base = bench.run(512, "base", "--by-blocks").memory
    cost = bench.run(side, "all", "--by-blocks")
    labels = bench.labels("all")
    rows = range(0, side, 1024)
    objects = max(int(np.max(labels[y : y + 1024])) for y in rows)
    print(
        f"memory: {side}², {objects:,} objects: {cost.wall:.0f} s, "
        f"{(cost.memory - base) / GIB:.2f} GiB over the {base / GIB:.2f} GiB of 512², "
        f"{cost.disk / GIB:.2f} GiB of disk while it ran",
        flush=True,
    )


def growth(bench: Bench, side: int) -> None:
    sides = [side // 4, side // 2, side]
    seconds = [bench.run(each, "growth", "--by-blocks").processor for each in sides]
    area = np.array(sides) ** 2 / 1e6
    slope, start = np.polyfit(area, seconds, 1)
    far = np.abs(np.polyval((slope, start), area) / seconds - 1).max()
    told = ", ".join(f"{a:.0f} Mpx {s:.0f} s" for a, s in zip(area, seconds, strict=True))
    print(
        f"growth, processor time: {told}: {start:.1f} s + {slope:.2f} s a megapixel, "
        f"at most {far:.0%} off",
        flush=True,
    )


def ratio(bench: Bench, side: int) -> None:
    found: dict[str, list[Cost]] = {"whole": [], "blocks": []}
    for _ in range(RUNS):
        found["whole"].append(bench.run(side, "whole"))
        found["blocks"].append(bench.run(side, "blocks", "--by-blocks"))
    wall, processor = (
        median(
            getattr(b, what) / getattr(w, what)
            for b, w in zip(found["blocks"], found["whole"], strict=True)
        )
        for what in ("wall", "processor")
    )
    print(
        f"ratio: {side}² by blocks takes {processor:.2f} × the processor time of the whole "
        f"({wall:.2f} × the wall clock); {_equal(bench, 'whole', 'blocks')}",
        flush=True,
    )


def workers(bench: Bench, side: int) -> None:
    found = []
    for _ in range(RUNS):
        one = bench.run(side, "one", "--cluster", "local:1", cores="0")
        two = bench.run(side, "two", "--cluster", "local:2", cores="0,1")
        found.append(one.wall / two.wall)
    each = ", ".join(f"{ratio:.2f}" for ratio in found)
    print(f"workers: two are {median(found):.2f} × as fast as one ({each})", flush=True)


def killed(bench: Bench, side: int) -> None:
    bench.run(side, "calm", "--by-blocks")
    output = bench.folder / "worker.zarr"
    with subprocess.Popen(bench.command(side, output, "--cluster", "local:2"), **QUIET) as process:
        while len(list((bench.folder / ".worker.zarr.blocks" / "outputs").glob("*.npz"))) < 2:
            time.sleep(0.1)
        psutil.Process(process.pid).children()[0].kill()
    assert process.returncode == 0, "the run failed"
    print(f"killed: a worker: {_equal(bench, 'calm', 'worker')}", flush=True)
    output, rng, kills = bench.folder / "run.zarr", random.Random(0), 0
    while kills < KILLS:
        with subprocess.Popen(bench.command(side, output, "--by-blocks"), **QUIET) as process:
            # beyond its start, or nothing would ever be done
            time.sleep(rng.uniform(4, 12))
            process.send_signal(signal.SIGKILL)
        if output.exists():
            break
        kills += 1
    subprocess.run(bench.command(side, output, "--by-blocks", "--overwrite"), check=True, **QUIET)
    print(f"killed: the whole {kills} times: {_equal(bench, 'calm', 'run')}", flush=True)


def _equal(bench: Bench, one: str, other: str) -> str:
    a, b = bench.labels(one), bench.labels(other)
    rows = range(0, a.shape[0], 1024)
    n = sum(np.count_nonzero(a[y : y + 1024] != b[y : y + 1024]) for y in rows)
    return "labels equal" if n == 0 else f"{n:,} labels differ"


def _memory(pid: int) -> float:
    """Return the memory of a process and those it started."""
    try:
        root = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (root, *root.children(recursive=True)))
    except psutil.Error:
        return 0.0


def _disk(folder: Path) -> float:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


PARTS = {
    "memory": memory,
    "growth": growth,
    "ratio": ratio,
    "workers": workers,
    "killed": killed,
}

if __name__ == "__main__":
    main()
