"""What only a graphics card can show, in one go of at most eight minutes.

    python benchmarks/on_gpu.py [--data ../shared/data] [-o on_gpu.json] [--device cuda] [--dry-run]

pass     a plain forward pass of the network over the whole image, as a share of our time from image to
         outputs, for 2048² and 256³ in 32 and 16 bits: U-Nets of 32 and 16 channels, channels last
memory   the planner's figure for these against the most that PyTorch had allocated
full     segmenting while another process holds all but 1.5 GiB of the card: the same labels
training planned, measured and allocated memory of a training step, with and without checkpointing
score    a short fine-tuning on the card and on the processor: their scores on what is held out

Each part that fails is told and the others run; the results are one JSON file. --dry-run does all of it
with small images on the processor.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import tifffile
import torch

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.core.unet.fuse import fuse_batch_norm
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
RUNS = 5
LEFT = 1.5 * 2**30
HOLD = """
import sys, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(int(free - float(sys.argv[1])), dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""


class Bench:
    """A device, and how large things are on it."""

    def __init__(self, device: str, data: Path, dry: bool) -> None:
        self.device, self.data, self.dry = device, data, dry
        self.sides = {2: 128, 3: 32} if dry else {2: 2048, 3: 256}

    def precisions(self) -> list[str]:
        """Return the precisions that the device computes in."""
        return ["float32"] if self.device == "cpu" else list(DTYPES)

    def synchronize(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def allocated(self) -> int:
        """Return the most bytes allocated since it was asked last; 0 where that is not counted."""
        if self.device == "cpu":
            return 0
        most = torch.cuda.max_memory_allocated()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return most

    def model(self, ndim: int) -> Model:
        """Return a network as large as usual, which knows nothing."""
        return NewModel(
            ndim=ndim,
            base=32 if ndim == 2 else 16,
            depth=4 if ndim == 2 else 3,
            normalization=Normalization(kind="divide_255"),
        ).build()

    def pixels(self, ndim: int) -> np.ndarray:
        """Return noise."""
        shape = (self.sides[ndim],) * ndim
        return np.random.default_rng(0).integers(0, 255, shape, np.uint8)

    def nuclei(self, n: int) -> list[Annotation]:
        """Return some annotated images of nuclei."""
        folder = self.data / "nuclei-dsb2018"
        found = []
        for path in sorted((folder / "images").glob("*.tif"))[5 : 5 + n]:
            numbers = tifffile.imread(folder / "masks" / path.name).astype(np.int32)
            image = Image(tifffile.imread(path), "YX", name=path.name)
            found.append(Annotation(image, numbers, "objects"))
        return found


def main() -> int:
    """Run all parts; returns the number of those that failed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("-o", "--output", type=Path, default=Path("on_gpu.json"))
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--dry-run", action="store_true")
    chosen = arguments.parse_args()
    device = "cpu" if chosen.dry_run else chosen.device
    bench = Bench(device, chosen.data, chosen.dry_run)
    found: dict[str, Any] = {"device": _name(device), "torch": torch.__version__}
    for name, part in PARTS.items():
        began = time.monotonic()
        try:
            found[name] = part(bench)
        except Exception:  # noqa: BLE001 - the others are worth having
            found[name] = {"failed": traceback.format_exc()}
        found[name]["seconds"] = round(time.monotonic() - began, 1)
        chosen.output.write_text(json.dumps(found, indent=2))
        print(json.dumps({name: found[name]}, indent=2), flush=True)
    return sum("failed" in part for part in found.values() if isinstance(part, dict))


def passes(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for ndim in (2, 3):
        model, pixels = bench.model(ndim), bench.pixels(ndim)
        image = Image(pixels, "ZYX"[-ndim:])
        for precision in bench.precisions():
            options = SegmentOptions(device=bench.device, precision=precision, rescale=False)
            run = prepare(image, model, options)
            bench.allocated()
            ours = _timed(bench, lambda run=run: finish(run.outputs()))
            planned, allocated = run.plan.memory, bench.allocated()
            plain = _timed(bench, _plain(bench, model, pixels, precision))
            found[f"{ndim}-D {precision}"] = {
                "ours_s": ours,
                "plain_s": plain,
                "share": round(plain / ours, 3),
                "tiles": run.plan.n_tiles,
                "planned_mib": planned / 2**20,
                "allocated_mib": allocated / 2**20,
            }
    return found


def _plain(bench: Bench, model: Model, pixels: np.ndarray, precision: str) -> Any:
    layout = torch.channels_last if pixels.ndim == 2 else torch.channels_last_3d
    network = fuse_batch_norm(model.network).to(bench.device, DTYPES[precision])
    network = network.to(memory_format=layout)
    x = torch.from_numpy(pixels)[None, None].to(bench.device, DTYPES[precision]) / 255
    x = x.contiguous(memory_format=layout)

    def run() -> None:
        with torch.inference_mode():
            network(x)

    return run


def _timed(bench: Bench, run: Any) -> float:
    """Return the median seconds of some runs, after one that warms up."""
    times = []
    for _ in range(1 + (1 if bench.dry else RUNS)):
        bench.synchronize()
        began = time.perf_counter()
        run()
        bench.synchronize()
        times.append(time.perf_counter() - began)
    return median(times[1:])


def full(bench: Bench) -> dict[str, Any]:
    model, image = bench.model(2), Image(bench.pixels(2), "YX")
    options = SegmentOptions(device=bench.device, precision="float32", rescale=False)
    before = finish(segment(image, model, options))
    if bench.device == "cpu":
        return {
            "equal": bool((finish(segment(image, model, options)).labels == before.labels).all())
        }
    # planned with all of the card: it runs out in the midst of the work
    run = prepare(image, model, options)
    torch.cuda.empty_cache()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(LEFT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        now = finish(segment(image, model, options))
        holder.stdin.close()
    return {
        "equal": bool((now.labels == before.labels).all()),
        "tiles": [run.plan.n_tiles, now.record["tile_shape"]],
        "notes": list(now.notes),
    }


def training(bench: Bench) -> dict[str, Any]:
    found = {}
    annotations = bench.nuclei(2)
    for checkpointing in ("off", "all"):
        options = FinetuneOptions(
            steps=2,
            minutes=None,
            patch=64 if bench.dry else 256,
            batch=2 if bench.dry else 8,
            device=bench.device,
            use_checkpointing=checkpointing,
            held_out=0.0,
        )
        bench.allocated()
        trained = finish(
            finetune(annotations, NewModel(base=8 if bench.dry else 32), options)
        ).trained
        found[checkpointing] = {
            "planned_mib": trained.plan.memory / 2**20,
            "measured_mib": trained.measured / 2**20,
            "allocated_mib": bench.allocated() / 2**20,
        }
    return found


def score(bench: Bench) -> dict[str, Any]:
    parent = finish(Library().load("nuclei-broad"))
    found = {}
    for device in dict.fromkeys((bench.device, "cpu")):
        options = FinetuneOptions(
            steps=3 if bench.dry else 60,
            minutes=None,
            patch=64 if bench.dry else 128,
            batch=2,
            device=device,
            precision="float32",
        )
        result = finish(finetune(bench.nuclei(4), parent, options))
        found[device] = {score.name: round(score.iou, 4) for score in result.after}
    return found


def _name(device: str) -> str:
    return torch.cuda.get_device_name() if device != "cpu" else "cpu"


PARTS = {"pass": passes, "full": full, "training": training, "score": score}

if __name__ == "__main__":
    sys.exit(main())
