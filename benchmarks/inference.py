"""Speed of `segment` beside MONAI's sliding window and one plain forward pass, side by side in one run.

    python benchmarks/inference.py [--size 2048] [--runs 5]

Needs `monai`. Every figure is a median; the contenders take turns, so that a machine whose speed drifts
treats them alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from napari_unet.core.device import choose_device
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--size", type=int, default=2048)
    arguments.add_argument("--base", type=int, default=32)
    arguments.add_argument("--runs", type=int, default=5)
    chosen = arguments.parse_args()
    torch.manual_seed(0)
    config = UNetConfig.classic(base=chosen.base, depth=4, out_channels=2)
    network = UNet(config).eval()
    pixels = np.random.default_rng(0).normal(size=(chosen.size, chosen.size)).astype(np.float32)
    best = choose_device()
    contenders = _contenders(network, pixels, best.device, best.precision)
    times = _take_turns(contenders, chosen.runs)
    print(
        f"torch {torch.__version__}, {best.device}, auto precision {best.precision}, "
        f"{torch.get_num_threads()} threads, image {chosen.size}², base {chosen.base}, depth 4, "
        f"medians of {chosen.runs}"
    )
    for name, seconds in times.items():
        spread = f"{min(seconds):.2f}–{max(seconds):.2f}"
        print(f"{name:48s} {statistics.median(seconds):7.2f} s  ({spread})")
    _print_ratios(times)
    wait = _longest_wait(network, pixels)
    print(f"segment, default settings: {wait:.2f} s at most between two chances to cancel")


def _longest_wait(network: UNet, pixels: np.ndarray) -> float:
    spec = ModelSpec(
        name="random", config=network.config, normalization=Normalization(kind="zscore")
    )
    last, longest = time.perf_counter(), 0.0
    for _ in segment(Image(pixels, "YX"), Model(spec, network)):
        now = time.perf_counter()
        last, longest = now, max(longest, now - last)
    return longest


def _contenders(
    network: UNet, pixels: np.ndarray, device: str, precision: str
) -> dict[str, Callable[[], object]]:
    spec = ModelSpec(
        name="random", config=network.config, normalization=Normalization(kind="zscore")
    )
    model = Model(spec, network)
    image = Image(pixels, "YX")
    x = torch.from_numpy(pixels)[None, None]
    plain = UNet(network.config).eval()
    plain.load_state_dict(network.state_dict())
    plain.to(device)
    last = UNet(network.config).eval()
    last.load_state_dict(network.state_dict())
    last.to(device, memory_format=torch.channels_last)
    same = UNet(network.config).eval()
    same.load_state_dict(network.state_dict())
    same.to(device, getattr(torch, precision), memory_format=torch.channels_last)

    def ours(**options: object) -> object:
        return finish(segment(image, model, SegmentOptions(**options)))

    def monai() -> object:
        with torch.inference_mode():
            return sliding_window_inference(
                x.to(device), 512, 4, plain, overlap=0.25, mode="gaussian"
            ).cpu()

    def forward(network: UNet, dtype: torch.dtype) -> object:
        with torch.inference_mode():
            here = x.to(device, dtype).contiguous(memory_format=torch.channels_last)
            return network(here).float().cpu()

    found = {
        "segment, default settings": lambda: ours(device=device),
        "MONAI sliding window, float32": monai,
        "plain forward pass, channels last, float32": lambda: forward(last, torch.float32),
    }
    if precision != "float32":
        found["segment, float32"] = lambda: ours(device=device, precision="float32")
        found[f"plain forward pass, channels last, {precision}"] = lambda: forward(
            same, getattr(torch, precision)
        )
    return found


def _take_turns(contenders: dict[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, run in contenders.items():
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn:  # the first turn warms up
                times[name].append(time.perf_counter() - start)
    return times


def _print_ratios(times: dict[str, list[float]]) -> None:
    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(times[a], times[b], strict=True))

    for name in times:
        if not name.startswith("segment"):
            continue
        print(f"{name}: {ratio('MONAI sliding window, float32', name):.2f}× as fast as MONAI")
        for other in times:
            if other.startswith("plain"):
                print(f"{name}: {ratio(other, name):.0%} of the speed of: {other}")


if __name__ == "__main__":
    main()
