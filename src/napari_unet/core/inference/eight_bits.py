"""8 bits under guard: calibrated on the image, and compared with 32 bits before they are trusted."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_unet.core.atomic import atomic_path
from napari_unet.core.engines.choice import make_engine
from napari_unet.core.inference.tile_reading import read_tile
from napari_unet.core.model.file import weights_hash
from napari_unet.core.onnx.quantization import feature_ranges
from napari_unet.core.progress import Job, Notice, Progress
from napari_unet.core.unet.network import UNet, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_unet.core.device import Compute
    from napari_unet.core.engines.engine import Engine
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.image.statistics import NormalizationStatistics
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.onnx.network import Range
    from napari_unet.core.tiling.plan import Tile, TilePlan
    from napari_unet.core.tiling.queue import Work

MAX_MEAN_DIFFERENCE = 0.01
"""Largest mean difference of the probabilities from those in 32 bits."""

MAX_CHANGED = 0.005
"""Largest share of pixels of another class than in 32 bits."""

SIDE = {2: 128, 3: 32}
"""Side of the windows that are compared and measured, by dimensions; with the halo they are larger."""

CANDIDATES, PER_FRAME, FRAMES = 3, 4, 2
"""Windows along an axis, how many of those with most contrast are measured, and in how many frames."""


@dataclass(frozen=True)
class Disagreement:
    """How much 8 bits differ from 32.

    Attributes
    ----------
    mean
        Mean absolute difference of the outputs.
    changed
        Share of the pixels of another class.
    """

    mean: float
    changed: float

    def is_within(self, share: float) -> bool:
        """Whether the differences are at most such a share of those with which 8 bits may be used."""
        mean, changed = MAX_MEAN_DIFFERENCE * share, MAX_CHANGED * share
        return self.mean <= mean and self.changed <= changed


class EightBits:
    """Decides for each image whether 8 bits will do.

    Parameters
    ----------
    model
        The model; its network is a U-Net.
    compute
        With the precision ``"int8"``.
    folder
        Where the ranges of networks are kept; None: nowhere.
    """

    def __init__(self, model: Model, compute: Compute, folder: Path | None) -> None:
        self._model = model
        self._compute = compute
        # other networks are computed in 32 bits
        assert isinstance(model.network, UNet)
        self._network = model.network
        name = f"{weights_hash(model.network.state_dict())[:32]}.json"
        self._file = None if folder is None else folder / name
        self._ranges = self._read()
        self.exact: Engine = make_engine(model.network, replace(compute, precision="float32"))
        self._fast = self._engine(self._ranges) if self._ranges else None

    def choose(
        self, frames: Sequence[Frame], plan: TilePlan, statistics: NormalizationStatistics
    ) -> Job[tuple[Engine, str]]:
        """Compare a window of an image in 8 and in 32 bits, and choose.

        Parameters
        ----------
        frames
            The planes or volumes of the image.
        plan
            Their tiling.
        statistics
            Their normalisation.

        Yields
        ------
        Progress
            While it computes.
        Notice
            Where 8 bits differ too much.

        Returns
        -------
        engine
            What is to compute.
        precision
            ``"int8"`` or ``"float32"``.
        """
        work = _contrasting(frames[len(frames) // 2], plan)[0]
        yield from statistics.prepare(work[0])
        expected = yield from self._outputs(self.exact, work, plan, statistics)
        found = Disagreement(1.0, 1.0)
        measured = self._fast is None
        for attempt in range(1 if measured else 2):
            if attempt or measured:
                yield from self._calibrate(frames, plan, statistics)
            assert self._fast is not None
            outputs = yield from self._outputs(self._fast, work, plan, statistics)
            found = disagreement(outputs, expected, self._model.spec)
            # ranges that another image gave are widened before they get near the limits
            limit = 1.0 if attempt or measured else 0.5
            if found.is_within(limit):
                return self._fast, "int8"
        yield Notice(
            0,
            1,
            text=f"This image is computed in 32 bits: 8 bits would change the class of "
            f"{found.changed:.2%} of the pixels, and the outputs by {found.mean:.3f} in the mean.",
        )
        return self.exact, "float32"

    def _outputs(
        self, engine: Engine, work: Work, plan: TilePlan, statistics: NormalizationStatistics
    ) -> Job[Tensor]:
        frame, tile = work
        window = Window(tuple(s.start for s in tile.read), plan.frame)
        x = torch.from_numpy(statistics[frame](read_tile(frame, tile))[None])
        logits = yield from engine.run(x, [window])
        logits = logits[0][(slice(None), *tile.crop)]
        match self._model.spec.activation:
            case "softmax":
                return logits.softmax(dim=0)
            case "sigmoid":
                return logits.sigmoid()
        return logits

    def _calibrate(
        self, frames: Sequence[Frame], plan: TilePlan, statistics: NormalizationStatistics
    ) -> Job[None]:
        """Measure the ranges of the features on this image, and widen those known by them."""
        n = min(FRAMES, len(frames))
        chosen = [frames[(2 * i + 1) * len(frames) // (2 * n)] for i in range(n)]
        work = [item for frame in chosen for item in _contrasting(frame, plan)[:PER_FRAME]]
        ranges = dict(self._ranges)
        for i, (frame, tile) in enumerate(work):
            yield Progress(i, len(work), "Measuring the network for 8 bits")
            yield from statistics.prepare(frame)
            x = torch.from_numpy(statistics[frame](read_tile(frame, tile))[None])
            for name, (low, high) in feature_ranges(self._network, [x]).items():
                known = ranges.get(name, (low, high))
                ranges[name] = min(low, known[0]), max(high, known[1])
        self._ranges, self._fast = ranges, self._engine(ranges)
        self._write()

    def _engine(self, ranges: dict[str, Range]) -> Engine:
        return make_engine(self._model.network, self._compute, ranges)

    def _read(self) -> dict[str, Range]:
        """Read the ranges that are kept; none where the file is missing or damaged."""
        if self._file is None or not self._file.is_file():
            return {}
        try:
            kept = json.loads(self._file.read_text())
            return {str(name): (float(low), float(high)) for name, (low, high) in kept.items()}
        except (ValueError, TypeError, AttributeError, OSError):
            return {}

    def _write(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self._file) as temporary:
            temporary.write_text(json.dumps(self._ranges))


def disagreement(found: Tensor, expected: Tensor, spec: ModelSpec) -> Disagreement:
    """Return how much outputs differ.

    Parameters
    ----------
    found, expected
        (out_channels, …) each, after the activation.
    spec
        The model's description.
    """
    if not bool(found.isfinite().all()):
        return Disagreement(1.0, 1.0)
    if spec.activation == "softmax":
        changed = found.argmax(dim=0) != expected.argmax(dim=0)
    else:
        # objects are of one class: their foreground
        n = 1 if spec.task == "objects" else len(found)
        changed = ((found[:n] > spec.threshold) != (expected[:n] > spec.threshold)).any(dim=0)
    mean = float((found - expected).abs().mean())
    return Disagreement(mean, float(changed.float().mean()))


def _contrasting(frame: Frame, plan: TilePlan) -> list[Work]:
    """Return tiles around windows of a frame, those with most contrast first: dark ones say nothing."""
    side = SIDE[len(plan.size)]
    starts = [
        sorted({round(i * max(n - side, 0) / (CANDIDATES - 1)) // s * s for i in range(CANDIDATES)})
        for n, s in zip(plan.size, plan.stride, strict=True)
    ]
    found: list[tuple[float, Tile]] = []
    for corner in _corners(starts):
        box = tuple(slice(a, min(a + side, n)) for a, n in zip(corner, plan.size, strict=True))
        found.append((float(np.std(frame.read(box))), plan.around(box)))
    found.sort(key=lambda item: -item[0])
    return [(frame, tile) for _, tile in found]


def _corners(starts: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    grid = np.meshgrid(*starts, indexing="ij")
    return [tuple(map(int, corner)) for corner in np.stack(grid, axis=-1).reshape(-1, len(starts))]
