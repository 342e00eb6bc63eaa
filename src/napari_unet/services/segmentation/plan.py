"""What a segmentation will do: tiles, halo, memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.image.frames import frames
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.inference.rescale import RescaledFrames
from napari_unet.core.memory_units import bytes_of_gib, format_bytes
from napari_unet.services.segmentation.channels import channel_indices
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.axes import Image
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.inference.predictor import Predictor
    from napari_unet.core.model.spec import Model


LEAST_SHARE = 0.005
"""Of the work; less is not worth a word."""


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes
    ----------
    device, precision
        Where and how it computes.
    tile_shape
        Pixels read for one forward pass.
    n_tiles
        Tiles in all, over every plane and mirror image.
    batch
        Tiles that go through the network together.
    halo_share
        Share of the pixels computed that is thrown away.
    memory
        Predicted peak in bytes.
    exact
        Whether the result is that of the whole image.
    rescaled
        Shape of a plane or volume at the model's pixel size; empty if it keeps its own.
    passes
        Mirror images over which is averaged; 1: the image as it is.
    unknown_size
        Whether it keeps its own pixels because it does not state their size, as the model does.
    """

    device: str
    precision: str
    tile_shape: tuple[int, ...]
    n_tiles: int
    batch: int
    halo_share: float
    memory: float
    exact: bool
    rescaled: tuple[int, ...] = ()
    passes: int = 1
    unknown_size: bool = False

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.tile_shape))
        tiles = "1 tile" if self.n_tiles == 1 else f"{self.n_tiles} tiles"
        parts = [
            f"{tiles} of {shape}",
            f"about {format_bytes(self.memory)} on {self.device} in {self.precision}",
        ]
        if self.halo_share >= LEAST_SHARE:
            parts.insert(1, f"{self.halo_share:.0%} of the work for where they overlap")
        if self.rescaled:
            shape = " × ".join(map(str, self.rescaled))
            parts.insert(0, f"rescaled to {shape}, the model's pixel size")
        if self.unknown_size:
            parts.insert(0, "not rescaled, as the image states no pixel size (set Pixel size)")
        if self.passes > 1:
            parts.append(f"{self.passes} mirror images: {self.passes} times the time")
        if not self.exact:
            parts.append("tiles blended: this network's result depends on the tile")
        return ", ".join(parts)


def plan(image: Image, model: Model, options: SegmentOptions | None = None) -> Plan:
    """Say how a run would tile and what memory it would take.

    Raises
    ------
    UserError
        As `segment` would.
    """
    options = options or SegmentOptions()
    cut = frames(image, model.spec.axes, channel_indices(image, model.spec, options.channels))
    return plan_of(make_predictor(model, options), rescale(cut, model, options))


def rescale(cut: Sequence[Frame], model: Model, options: SegmentOptions) -> RescaledFrames:
    """Bring frames to the model's pixel size if the options say so."""
    return RescaledFrames.of(
        cut, model.spec.pixel_size if options.rescale else (), options.pixel_size
    )


def affines_of(
    every: Sequence[Frame], model: Model, options: SegmentOptions
) -> NormalizationStatistics:
    """Return the normalisation of all frames of an image; it is measured once it is needed."""
    normalization = options.normalization or model.spec.normalization
    return NormalizationStatistics(normalization, rescale(every, model, options).frames)


def make_predictor(model: Model, options: SegmentOptions) -> Predictor:
    """Set up the predictor that the options ask for."""
    from napari_unet.core.device import choose_device
    from napari_unet.core.inference.mirror import MirrorPredictor
    from napari_unet.core.inference.predictor import Predictor

    kind = MirrorPredictor if options.mirror else Predictor
    return kind(
        model,
        choose_device(options.device, options.precision),
        normalization=options.normalization,
        memory=bytes_of_gib(options.memory),
        tile=options.tile,
    )


def plan_of(predictor: Predictor, rescaled: RescaledFrames) -> Plan:
    """Say what a predictor will do with some frames of one shape."""
    cut = rescaled.frames
    tiling = predictor.plan(cut[0].shape)
    passes = predictor.passes
    together = 1 if passes > 1 else len(cut)
    batch = min(predictor.batch_size(tiling), tiling.n_tiles * together)
    memory = batch * prod(tiling.tile_shape) * predictor.bytes_per_pixel
    if passes > 1:
        # the mean of a frame
        memory += prod(cut[0].shape) * predictor.spec.config.out_channels * 4
    return Plan(
        device=predictor.compute.device,
        precision=predictor.compute.precision,
        tile_shape=tiling.tile_shape,
        n_tiles=tiling.n_tiles * len(cut) * passes,
        batch=batch,
        halo_share=tiling.halo_share,
        memory=memory,
        exact=predictor.spec.config.tiles_exactly or tiling.n_tiles == 1,
        rescaled=() if rescaled.unchanged else cut[0].shape,
        passes=passes,
        unknown_size=rescaled.pixel_size_unknown,
    )
