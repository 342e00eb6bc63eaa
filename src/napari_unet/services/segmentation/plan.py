"""What a segmentation will do: tiles, halo, memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.memory_units import format_bytes

if TYPE_CHECKING:
    from napari_unet.core.inference.predictor import Predictor
    from napari_unet.core.inference.rescale import RescaledFrames
    from napari_unet.services.segmentation.sizing import Sizing


ENGINE_NAMES = {"openvino": "OpenVINO", "onnx": "onnxruntime"}
MIN_HALO_SHARE = 0.005
"""Share of the work below which the halo is not mentioned."""


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes
    ----------
    device, precision, engine
        Where and how it computes.
    tile_shape
        Pixels read for one forward pass.
    n_tiles
        Tiles in all, over every plane and mirror image.
    batch
        Tiles that go through the network together.
    halo_share
        Share of the computed pixels that is thrown away, 0 to 1.
    memory
        Predicted peak in bytes.
    exact
        Whether the result is that of the whole image.
    rescaled
        Shape of a plane or volume as the network is shown it; empty if it is not rescaled.
    passes
        Mirror images that are averaged; 1: the image as it is.
    unknown_size
        Whether it is not rescaled because the image states no pixel size, though the model does.
    diameter
        Diameter of the objects in pixels, by which it is rescaled; None: not by it.
    estimates
        Whether the diameter is estimated first, so that the rest will change.
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
    diameter: float | None = None
    estimates: bool = False
    engine: str = "torch"

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.tile_shape))
        tiles = "1 tile" if self.n_tiles == 1 else f"{self.n_tiles} tiles"
        parts = [
            f"{tiles} of {shape}",
            f"about {format_bytes(self.memory)} on {self.device} in {self.precision}"
            + ("" if self.engine == "torch" else f" with {ENGINE_NAMES[self.engine]}"),
        ]
        if self.halo_share >= MIN_HALO_SHARE:
            parts.insert(1, f"{self.halo_share:.0%} of the work for where they overlap")
        if self.rescaled:
            shape = " × ".join(map(str, self.rescaled))
            by = "the model's pixel size"
            if self.diameter is not None:
                by = f"for objects of {self.diameter:.3g} pixels"
            parts.insert(0, f"rescaled to {shape}, {by}")
        if self.unknown_size:
            parts.insert(0, "not rescaled, as the image states no pixel size (set Pixel size)")
        if self.estimates:
            parts.insert(0, "the objects' diameter is estimated first")
        if self.passes > 1:
            parts.append(f"{self.passes} mirror images: {self.passes} times the time")
        if not self.exact:
            parts.append("tiles blended: this network's result depends on the tile")
        return ", ".join(parts)


def plan_of(
    predictor: Predictor, rescaled: RescaledFrames, size: Sizing, *, unknown_size: bool
) -> Plan:
    """Return what a predictor will do with some frames of one shape, at some scale.

    Raises
    ------
    UserError
        When the tile that was asked for is too small for the network.
    """
    frames = rescaled.frames
    tiling = predictor.plan(frames[0].shape)
    passes = predictor.passes
    together = 1 if passes > 1 else len(frames)
    batch = min(predictor.batch_size(tiling), tiling.n_tiles * together)
    memory = batch * prod(tiling.tile_shape) * predictor.bytes_per_pixel
    if passes > 1:
        # the mean of a frame
        memory += prod(frames[0].shape) * predictor.spec.config.out_channels * 4
    return Plan(
        device=predictor.compute.device,
        precision=predictor.compute.precision,
        engine=predictor.compute.engine,
        tile_shape=tiling.tile_shape,
        n_tiles=tiling.n_tiles * len(frames) * passes,
        batch=batch,
        halo_share=tiling.halo_share,
        memory=memory,
        exact=predictor.spec.config.tiles_exactly or tiling.n_tiles == 1,
        rescaled=() if rescaled.unchanged else frames[0].shape,
        passes=passes,
        unknown_size=unknown_size,
        diameter=size.diameter,
        estimates=size.pending,
    )
