"""Plans the memory of a training step: patch size, patches at once, and what is recomputed."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.memory_units import format_bytes
from napari_unet.core.progress import Job, Progress
from napari_unet.core.training.traced_memory import training_bytes_per_pixel
from napari_unet.core.unet.checkpointing_policy import (
    KEEP_ALL,
    candidate_policies,
    recompute_all,
    recompute_share,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.core.device import Compute
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.unet.checkpointing_policy import CheckpointingPolicy

PATCH_SIDES = {("cpu", 2): 256, ("cpu", 3): 64, ("gpu", 2): 512, ("gpu", 3): 128}
"""Default side of a patch, by device and number of dimensions."""
BATCH_SIZES = {2: 4, 3: 2}
"""Default number of patches in a batch, by number of dimensions."""
COPIES = 6
"""Tensors of the size of the weights: weights, gradients, AdamW's two moments, the average, the
parent's."""


@dataclass(frozen=True)
class TrainingPlan:
    """How large a step is.

    Attributes
    ----------
    patch
        Shape of a patch.
    batch
        Patches in a step.
    chunk
        How many of them go through the network together on a device; their gradients are added up.
    policy
        What is recomputed in the backward pass.
    recompute
        Extra computation for that, as a fraction of the total.
    memory
        Predicted peak in bytes.
    devices
        How many devices share the patches of a step.
    """

    patch: tuple[int, ...]
    batch: int
    chunk: int
    policy: CheckpointingPolicy
    recompute: float
    memory: float
    devices: int = 1

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.patch))
        how = f" on {self.devices} devices" if self.devices > 1 else ""
        if self.chunk * self.devices < self.batch:
            how += f", {self.chunk} at a time"
        again = f", recomputing {self.recompute:.0%}" if self.policy != KEEP_ALL else ""
        size = format_bytes(self.memory)
        patches = f"{self.batch} patch{'es' * (self.batch != 1)}"
        return f"{patches} of {shape} a step{how}, about {size}{again}"


def plans(
    config: Architecture,
    options: TrainingOptions,
    compute: Compute,
    images: Sequence[Image],
    devices: int = 1,
) -> Iterator[TrainingPlan]:
    """Return plans in the order in which they are tried: policy first, then chunk, then patch.

    Parameters
    ----------
    config
        The network.
    options
        What the user asked for.
    compute
        Device and precision.
    images
        The images to learn from: no patch is larger than the largest; the first gives the pixel size.
    devices
        How many devices share the patches of a step.

    Raises
    ------
    UserError
        When they can't share them evenly.
    """
    sizes = [[image.sizes.get(a, 1) for a in config.spatial] for image in images]
    spacing = images[0].spacing(config.spatial)
    itemsize = 4 if compute.precision == "float32" else 2
    batch = options.batch or ceil(BATCH_SIZES[config.ndim] / devices) * devices
    _check_shared(batch, devices)
    fixed = config.parameters * 4 * COPIES
    if itemsize == 2:
        # the copies made by autocast
        fixed += config.parameters * itemsize
    for patch in _patches(config, options, compute, sizes, spacing):
        for chunk in _halves(batch // devices):
            for policy in _policies(config, options):
                each = training_bytes_per_pixel(config, policy, itemsize)
                memory = fixed + prod(patch) * (
                    chunk * each + batch // devices * batch_bytes_per_pixel(config)
                )
                share = _recomputed(config, policy)
                yield TrainingPlan(patch, batch, chunk, policy, share, memory, devices)


def _check_shared(batch: int, devices: int) -> None:
    if batch % devices:
        raise UserError(
            f"{devices} devices can't share the patches of a step evenly",
            value=f"{batch} patches",
            rule="Each device learns from as many of them.",
            remedy=f"Choose a batch of {ceil(batch / devices) * devices}, or another number of devices.",
        )


def choose_plan(
    candidates: Iterator[TrainingPlan], free: float, *, below: float = float("inf")
) -> Job[TrainingPlan]:
    """Return the first plan that fits.

    Parameters
    ----------
    candidates
        Plans in the order of preference.
    free
        Bytes that may be used.
    below
        Only plans that take less than this, because one predicted to take as much did not fit.

    Yields
    ------
    Progress
        After each plan that does not fit.

    Raises
    ------
    UserError
        When no plan fits.
    """
    smallest: TrainingPlan | None = None
    for candidate in candidates:
        if candidate.memory <= free and candidate.memory < below:
            return candidate
        if smallest is None or candidate.memory < smallest.memory:
            smallest = candidate
        yield Progress(0, 0, "Planning the memory")
    assert smallest is not None
    raise UserError(
        "There is not enough memory to train this network",
        value=f"the smallest step takes {format_bytes(smallest.memory)}, {format_bytes(free)} are free",
        rule="A patch must fit into memory, with all that is kept for its gradients.",
        remedy="Leave activation checkpointing on 'auto', use smaller patches, close other programs, "
        "or use a smaller network.",
    )


def patch_shape(
    side: int, config: Architecture, sizes: Sequence[Sequence[int]], spacing: Sequence[float]
) -> tuple[int, ...]:
    """Return the shape of a patch with about this side in the plane.

    Along Z it has the same physical length as in the plane. It is a multiple of the network's stride,
    and no longer than the largest image needs.
    """
    shape = []
    for axis, stride in enumerate(config.total_stride):
        wanted = side * min(spacing[-2:]) / spacing[axis] if axis < config.ndim - 2 else side
        most = max(size[axis] for size in sizes)
        steps = min(max(round(wanted / stride), 1), ceil(most / stride))
        shape.append(steps * stride)
    return tuple(shape)


def _patches(
    config: Architecture,
    options: TrainingOptions,
    compute: Compute,
    sizes: Sequence[Sequence[int]],
    spacing: Sequence[float],
) -> Iterator[tuple[int, ...]]:
    kind = "cpu" if compute.device == "cpu" else "gpu"
    side = options.patch or PATCH_SIDES[kind, config.ndim]
    previous: tuple[int, ...] | None = None
    while side >= max(config.total_stride) and side >= 16:
        patch = patch_shape(side, config, sizes, spacing)
        if patch != previous:
            yield patch
        previous, side = patch, side * 3 // 4
    if previous is None:
        yield patch_shape(side, config, sizes, spacing)


def _halves(n: int) -> Iterator[int]:
    while n >= 1:
        yield n
        n //= 2


def _policies(config: Architecture, options: TrainingOptions) -> list[CheckpointingPolicy]:
    if isinstance(config, LayerGraph):
        return [KEEP_ALL]
    match options.use_checkpointing:
        case "off":
            return [KEEP_ALL]
        case "all":
            return [recompute_all(config)]
        case "auto":
            return candidate_policies(config)


def _recomputed(config: Architecture, policy: CheckpointingPolicy) -> float:
    return 0.0 if isinstance(config, LayerGraph) else recompute_share(config, policy)


def batch_bytes_per_pixel(config: Architecture) -> int:
    """Return the bytes of a batch itself: images, labels, classes and weights."""
    return 4 * config.in_channels + 4 + 8 + 4


def untraced_bytes(config: Architecture, plan: TrainingPlan) -> int:
    """Return the bytes that are allocated before a step: weights, moments, their average, the batch.

    The gradients are not among them.
    """
    batch = plan.batch * prod(plan.patch) * batch_bytes_per_pixel(config)
    return (COPIES - 1) * 4 * config.parameters + batch
