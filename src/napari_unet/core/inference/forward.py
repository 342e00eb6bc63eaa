"""Forward passes: tiles are read, normalised and run through the network."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_unet.core.engines.choice import make_engine
from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.inference.eight_bits import EightBits
from napari_unet.core.inference.tile_reading import read_tile
from napari_unet.core.progress import Notice
from napari_unet.core.unet.network import Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_unet.core.device import Compute
    from napari_unet.core.engines.engine import Engine
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.image.statistics import NormalizationStatistics
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.tiling.plan import Tile, TilePlan
    from napari_unet.core.tiling.queue import Work


class NetworkRunner:
    """Runs tiles through the network of a model.

    Parameters
    ----------
    model
        The model; it is not changed.
    compute
        Device, precision and engine.
    calibration
        Folder in which the ranges of networks in 8 bits are kept; None: nowhere.
    """

    def __init__(self, model: Model, compute: Compute, calibration: Path | None = None) -> None:
        self._model = model
        self._spec = model.spec
        self._compute = compute
        self._calibration = calibration
        self._chosen: tuple[NormalizationStatistics, Engine] | None = None
        self.precision = compute.precision
        """That of the last image: in 8 bits only where this has been found good enough."""

    @cached_property
    def _engine(self) -> Engine:
        """The copy for inference, made when it is first needed: planning needs none."""
        return make_engine(self._model.network, self._compute)

    @cached_property
    def _eight_bits(self) -> EightBits:
        return EightBits(self._model, self._compute, self._calibration)

    def choose(
        self, frames: Sequence[Frame], plan: TilePlan, statistics: NormalizationStatistics
    ) -> Job[None]:
        """Choose the precision for an image, if it is to be computed in 8 bits.

        Parameters
        ----------
        frames
            Planes or volumes of the image.
        plan
            Their tiling.
        statistics
            Their normalisation: an image is looked at once for each.

        Yields
        ------
        Progress, Notice
            As `EightBits.choose`; a notice where the network can't be computed in 8 bits.
        """
        known = self._chosen is not None and self._chosen[0] is statistics
        if self._compute.precision == "int8" and isinstance(self._spec.config, LayerGraph):
            self._compute = replace(self._compute, precision="float32")
            self.precision = "float32"
            yield Notice(0, 1, text="This network is computed in 32 bits: 8 bits are for U-Nets.")
        elif self._compute.precision == "int8" and not known:
            engine, self.precision = yield from self._eight_bits.choose(frames, plan, statistics)
            self._chosen = statistics, engine

    def run(
        self, work: Sequence[Work], frame: tuple[int, ...], statistics: NormalizationStatistics
    ) -> Job[list[NDArray[np.float32]]]:
        r"""Read tiles, normalise them and run them through the network together.

        Parameters
        ----------
        work
            Tiles of the same shape, with their frames.
        frame
            Shape of the padded frames.
        statistics
            The measured normalisation of the frames.

        Yields
        ------
        Progress
            As a fraction of 1, often enough to cancel within a fraction of a second.

        Returns
        -------
        list of ndarray of float32
            (out_channels, \*tile.write) for each tile, after the activation.

        Raises
        ------
        UserError
            When an output or a pixel is not a finite number.
        """
        x = torch.from_numpy(np.stack([statistics[f](read_tile(f, tile)) for f, tile in work]))
        windows = [Window(tuple(s.start for s in tile.read), frame) for _, tile in work]
        tiles = [tile for _, tile in work]
        engine = self._engine if self._chosen is None else self._chosen[1]
        values = self._outputs((yield from engine.run(x, windows)), tiles)
        if self._compute.precision == "float16" and not _finite(values):
            # float16 ends at 65504: these tiles need the range of float32
            wide = make_engine(self._model.network, replace(self._compute, precision="float32"))
            values = self._outputs((yield from wide.run(x, windows)), tiles)
        if not _finite(values):
            raise UserError(
                "The network gives values that are not numbers",
                value=f"model {self._spec.name!r}, precision {self._compute.precision}",
                rule="Every output must be a finite number.",
                remedy="Choose precision 'float32'. If that doesn't help, the model is damaged.",
            )
        return values

    def _outputs(self, logits: Tensor, tiles: Sequence[Tile]) -> list[NDArray[np.float32]]:
        outputs = []
        for logit, tile in zip(logits, tiles, strict=True):
            crop = logit[(slice(None), *tile.crop)].float()
            if self._spec.activation == "softmax":
                crop = crop.softmax(dim=0)
            elif self._spec.activation == "sigmoid":
                crop = crop.sigmoid()
            outputs.append(crop.cpu().contiguous().numpy())
        return outputs


def _finite(values: Sequence[NDArray[np.float32]]) -> bool:
    return all(bool(np.isfinite(v).all()) for v in values)
