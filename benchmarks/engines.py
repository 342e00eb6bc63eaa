"""The engines beside one another: torch, OpenVINO and onnxruntime, in 32, 16 and 8 bits.

    python benchmarks/engines.py [--size 1024] [--depth 64] [--runs 3] [--threads 1] [--only 2-D …]

Needs the extras `openvino` and `onnx`. The contenders take turns, so that a machine whose speed drifts
treats them alike. Ratios are those of the processor time, which other programs on the same machine
disturb less than the clock on the wall; both are given. What is timed is `Predictor.run` of an image
that the engine has seen before: compiling, calibrating and comparing 8 bits, are in the column "first".
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from napari_unet.core.device import Compute, cpu_has_fast_bfloat16
from napari_unet.core.engines.choice import is_installed
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet
from napari_unet.services.library import bundled_folder


@dataclass
class Contender:
    """An engine with a precision, and its times in seconds."""

    name: str
    predictor: Predictor
    statistics: NormalizationStatistics
    wall: list[float]
    cpu: list[float]
    first: float = 0.0
    values: np.ndarray | None = None


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--size", type=int, default=1024)
    arguments.add_argument("--depth", type=int, default=64, help="side of the volumes")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--only", nargs="+", help="parts of the names of networks")
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    for name, model in _networks().items():
        if not chosen.only or any(part in name for part in chosen.only):
            side = chosen.size if model.spec.config.ndim == 2 else chosen.depth
            _compare(name, model, side, chosen.runs)


def _networks() -> dict[str, Model]:
    plain = {
        "2-D, base 32, depth 4": UNetConfig.classic(base=32, depth=4, out_channels=2),
        "3-D, base 16, depth 3": UNetConfig.classic(ndim=3, base=16, depth=3, out_channels=2),
    }
    models = {}
    for name, config in plain.items():
        spec = ModelSpec(name=name, config=config, normalization=Normalization(kind="zscore"))
        models[name] = Model(spec, UNet(config).eval())
    bundled = sorted(bundled_folder().glob("*.safetensors"))
    return models | {path.stem: load_model(path) for path in bundled}


def _compare(name: str, model: Model, side: int, runs: int) -> None:
    axes = model.spec.axes
    pixels = np.random.default_rng(0).normal(size=(side,) * len(axes)).astype(np.float32)
    cut = frames(Image(pixels, axes), axes, [0] * model.spec.config.in_channels)
    with tempfile.TemporaryDirectory() as folder:
        contenders = [
            Contender(
                f"{compute.engine}, {compute.precision}",
                Predictor(model, compute, calibration=Path(folder)),
                NormalizationStatistics(model.spec.normalization, cut),
                [],
                [],
            )
            for compute in _computes()
        ]
        for turn in range(runs + 1):
            for each in contenders:
                wall, cpu = time.perf_counter(), time.process_time()
                steps = each.predictor.run(cut, None, each.statistics)
                found = [step.values for step in steps if isinstance(step, Outputs)]
                each.values = found[0]
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                if turn:
                    each.wall.append(wall)
                    each.cpu.append(cpu)
                else:
                    each.first = cpu
    _tell(name, side, len(axes), contenders)


def _computes() -> list[Compute]:
    precisions = ["float32", *(["bfloat16"] if cpu_has_fast_bfloat16() else [])]
    found = [Compute("cpu", precision) for precision in precisions]
    if is_installed("openvino"):
        found += [Compute("cpu", p, "openvino") for p in [*precisions, "int8"]]
    if is_installed("onnx"):
        found += [Compute("cpu", p, "onnx") for p in ("float32", "int8")]
    return found


def _tell(name: str, side: int, ndim: int, contenders: list[Contender]) -> None:
    shape = " × ".join([str(side)] * ndim)
    print(
        f"\n{name}, {shape}, {torch.get_num_threads()} threads, medians of {len(contenders[0].cpu)}"
    )
    print(
        f"{'':24s} {'cpu s':>8s} {'wall s':>8s} {'× torch':>8s} {'first':>8s}  used       mean diff."
    )
    base = contenders[0]
    for each in contenders:
        cpu, wall = statistics.median(each.cpu), statistics.median(each.wall)
        ratio = statistics.median(a / b for a, b in zip(base.cpu, each.cpu, strict=True))
        difference = float(np.abs(each.values - base.values).mean())
        used = each.predictor.precision
        print(
            f"{each.name:24s} {cpu:8.3f} {wall:8.3f} {ratio:8.2f} {each.first:8.2f}  {used:10s} "
            f"{difference:.5f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
