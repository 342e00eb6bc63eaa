"""Memory and compute of a training step: our activation checkpointing beside others', in one run.

    python benchmarks/checkpointing.py [--time] [--runs 3]

Needs `monai`. Everyone is compared with the same network without checkpointing: ours and torch's
plain checkpoints with a U-Net that concatenates its skip connections and has in-place ReLUs, MONAI's
CheckpointUNet with its UNet, which works on smaller maps.

Memory is what the tensors take that operations make, beyond the input, weights and their gradients:
what is held between the forward and the backward pass, and the peak of both. It is counted on tensors
without data; a library's working space inside an operation is not in it. Compute is the FLOPs of
convolutions, recomputed ones included. Norms, ReLUs and poolings that are recomputed are no FLOPs by
that count: what they cost shows only in the time (`--time`, on one core, at a smaller size). At the
end the memory that the plan predicts is set against a count on real tensors.

With a GPU, its own count of memory (working space included) and the time there are measured too.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from monai.networks.nets import UNet as MonaiUNet
from monai.networks.nets.unet import CheckpointUNet
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from napari_unet.core.training.traced_memory import LiveMemory, training_bytes_per_pixel
from napari_unet.core.unet.checkpointing import training_forward
from napari_unet.core.unet.checkpointing_policy import (
    KEEP_ALL,
    CheckpointingPolicy,
    candidate_policies,
    recompute_all,
    recompute_share,
)
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet

MIB, FLOAT32, MOST_COMPUTE, MOST_DEVIATION = 2**20, 4, 1.2, 0.10
PLAIN, MONAI = "plain U-Net", "MONAI UNet"


@dataclass(frozen=True)
class Case:
    """A network, the sizes it is measured at, and how much less memory `auto` is to take."""

    config: UNetConfig
    side: int
    side_with_data: int
    side_for_time: int
    goal: float

    def shape(self, side: int) -> tuple[int, ...]:
        """One image of one channel."""
        return (1, 1, *(side,) * self.config.ndim)

    def title(self, side: int) -> str:
        """As printed above a table."""
        c = self.config
        return f"{c.ndim}-D, base {c.encoder[0][0]}, depth {c.depth}, {side}{' ²³'[c.ndim - 1]}"


CASES = (
    Case(UNetConfig.classic(base=64, depth=4), 1024, 512, 256, 2.3),
    Case(UNetConfig.classic(ndim=3, base=32, depth=3), 128, 64, 48, 1.7),
)


@dataclass(frozen=True)
class Contender:
    """A network, its forward pass, and whom it is compared with."""

    make: Callable[[], nn.Module]
    forward: Callable[[nn.Module, Tensor], Tensor]
    twin: str


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--time", action="store_true", help="measure the time too")
    arguments.add_argument("--runs", type=int, default=3)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, batch norm, float32")
    print("ours a+b: norms and ReLUs recomputed on a levels, first convolutions on b")
    for case in CASES:
        _compare(case)
        if chosen.time:
            _compare_times(case, "cpu", case.side_for_time, torch.float32, chosen.runs)
        if torch.cuda.is_available():
            for dtype in (torch.float32, torch.bfloat16):
                _compare_times(case, "cuda", case.side, dtype, 10 * chosen.runs)
    worst = max(_check_prediction(case) for case in CASES)
    verdict = "reached" if worst <= MOST_DEVIATION else "missed"
    print(f"\ngoal: predicted within {MOST_DEVIATION:.0%} of measured; {worst:.1%}: {verdict}")


def _contenders(config: UNetConfig) -> dict[str, Contender]:
    unet = partial(UNet, config)
    found = {
        PLAIN: Contender(unet, _forward, PLAIN),
        "torch, each block a checkpoint": Contender(unet, _forward_by_blocks, PLAIN),
    }
    for name, policy in _policies(config).items():
        found[name] = Contender(unet, partial(training_forward, policy=policy), PLAIN)
    widths, strides = [level[0] for level in config.encoder], (2,) * config.depth
    for name, kind in ((MONAI, MonaiUNet), ("MONAI CheckpointUNet", CheckpointUNet)):
        make = partial(kind, config.ndim, 1, 1, widths, strides, num_res_units=2, norm="batch")
        found[name] = Contender(make, _forward, MONAI)
    return found


def _policies(config: UNetConfig) -> dict[str, CheckpointingPolicy]:
    named = {
        "nothing": KEEP_ALL,
        "norms and ReLUs": CheckpointingPolicy(config.depth + 1, 0),
        "auto": _auto(config),
        "everything": recompute_all(config),
    }
    return {f"ours {p.activations}+{p.blocks}, {name}": p for name, p in named.items()}


def _auto(config: UNetConfig) -> CheckpointingPolicy:
    """The policy of least memory among those whose planned compute is within the limit."""
    cheap = [
        p for p in candidate_policies(config) if 1 + recompute_share(config, p) <= MOST_COMPUTE
    ]
    return min(cheap, key=lambda p: training_bytes_per_pixel(config, p, FLOAT32))


def _forward(network: nn.Module, x: Tensor) -> Tensor:
    return network(x)


def _forward_by_blocks(network: UNet, x: Tensor) -> Tensor:
    """As torch's manual has it; joined inside the block, so that the joint need not be kept."""
    pool = functional.max_pool2d if network.config.ndim == 2 else functional.max_pool3d
    skips = []
    for level, block in enumerate(network.encoder):
        x = checkpoint(_joined_block, block, x, use_reentrant=False)
        if level < network.config.depth:
            skips.append(x)
            x = pool(x, network.config.strides[level])
    for level in reversed(range(network.config.depth)):
        x = network.up[level](x)
        x = checkpoint(_joined_block, network.decoder[level], skips.pop(), x, use_reentrant=False)
    return network.head(x)


def _joined_block(block: nn.ModuleList, *parts: Tensor) -> Tensor:
    x = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
    for unit in block:
        x = unit(x)
    return x


def _prepared(one: Contender, shape: tuple[int, ...], device: str) -> tuple[nn.Module, Tensor]:
    with torch.device(device):
        network, x = one.make().train(), torch.randn(shape)
    for parameter in network.parameters():
        # there from the start, as from a training's second step on: so they count as no activations
        parameter.grad = torch.zeros_like(parameter)
    return network, x


def _compare(case: Case) -> None:
    memory, flops = {}, {}
    contenders = _contenders(case.config)
    for name, one in contenders.items():
        memory[name] = _memory(one, case.shape(case.side), "meta")
        flops[name] = _flops(one, case.shape(case.side))
    print(f"\n{case.title(case.side):32s}         held               peak        FLOPs")
    for name, (held, peak) in memory.items():
        twin = contenders[name].twin
        print(
            f"{name:32s} {held / MIB:6.0f} MiB {memory[twin][0] / held:5.2f} × "
            f"{peak / MIB:6.0f} MiB {memory[twin][1] / peak:5.2f} × {flops[name] / flops[twin]:8.3f} ×"
        )
    auto = next(name for name in memory if name.endswith("auto"))
    less, more = memory[PLAIN][1] / memory[auto][1], flops[auto] / flops[PLAIN]
    verdict = "reached" if less >= case.goal and more <= MOST_COMPUTE else "missed"
    print(f"goal: peak {case.goal} × less at {MOST_COMPUTE} × the compute at most: {verdict}")


def _memory(one: Contender, shape: tuple[int, ...], device: str) -> tuple[int, int]:
    """Bytes held between forward and backward pass, and the peak of both."""
    with LiveMemory() as memory:
        network, x = _prepared(one, shape, device)
        before = memory.peak = memory.now
        loss = one.forward(network, x).mean()
        held = memory.now - before
        loss.backward()
    return held, memory.peak - before


def _flops(one: Contender, shape: tuple[int, ...]) -> int:
    network, x = _prepared(one, shape, "meta")
    with FlopCounterMode(display=False) as counter:
        one.forward(network, x).mean().backward()
    return counter.get_total_flops()


def _compare_times(case: Case, device: str, side: int, dtype: torch.dtype, runs: int) -> None:
    contenders = _contenders(case.config)
    prepared = {name: _prepared(one, case.shape(side), device) for name, one in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    peaks = dict.fromkeys(contenders, 0)
    for turn in range(runs + 1):
        for name, one in contenders.items():
            seconds, peaks[name] = _one_step(one, *prepared[name], device, dtype)
            if turn:  # the first turn warms up
                times[name].append(seconds)
    print(f"\n{case.title(side)}, on {device}, {dtype}: time, {runs} turns' median")
    for name, seconds in times.items():
        twin = contenders[name].twin
        ratio = statistics.median(a / b for a, b in zip(seconds, times[twin], strict=True))
        line = f"{name:32s} {1000 * statistics.median(seconds):8.1f} ms {ratio:6.2f} ×"
        if peaks[name]:
            line += f"  peak {peaks[name] / MIB:6.0f} MiB {peaks[twin] / peaks[name]:5.2f} ×"
        print(line)


def _one_step(
    one: Contender, network: nn.Module, x: Tensor, device: str, dtype: torch.dtype
) -> tuple[float, int]:
    """Seconds and, on a GPU, bytes of a forward and backward pass."""
    cuda = device == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() if cuda else 0
    start = _now(device)
    with torch.autocast(device, dtype, enabled=dtype != torch.float32):
        loss = one.forward(network, x).mean()
    loss.backward()
    seconds = _now(device) - start
    return seconds, torch.cuda.max_memory_allocated() - before if cuda else 0


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _check_prediction(case: Case) -> float:
    """Largest deviation of the predicted peak from that of a step on real tensors."""
    shape, worst = case.shape(case.side_with_data), 0.0
    print(f"\n{case.title(case.side_with_data):32s}    predicted     measured")
    for name, policy in _policies(case.config).items():
        one = Contender(partial(UNet, case.config), partial(training_forward, policy=policy), PLAIN)
        predicted = training_bytes_per_pixel(case.config, policy, FLOAT32) * prod(shape)
        _, measured = _memory(one, shape, "cpu")
        deviation = predicted / measured - 1
        worst = max(worst, abs(deviation))
        print(f"{name:32s} {predicted / MIB:8.0f} MiB {measured / MIB:8.0f} MiB {deviation:+8.1%}")
    return worst


if __name__ == "__main__":
    main()
