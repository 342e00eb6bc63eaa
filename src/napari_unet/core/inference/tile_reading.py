"""Reading a tile of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.tiling.plan import mirror_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.frames import Frame
    from napari_unet.core.tiling.plan import Tile


def read_tile(frame: Frame, tile: Tile) -> NDArray[Any]:
    r"""Read a tile, mirror-padded at the far edges where it reaches beyond the image.

    Parameters
    ----------
    frame
        The frame.
    tile
        The tile of it.

    Returns
    -------
    ndarray
        (channels, \*tile.shape), in the image's own dtype.
    """
    index = [
        mirror_indices(r.start, r.stop, n) for r, n in zip(tile.read, frame.shape, strict=True)
    ]
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in index)
    block = frame.read(box)
    for axis, (positions, part) in enumerate(zip(index, box, strict=True), start=1):
        if len(positions) != block.shape[axis]:
            block = block.take(positions - part.start, axis=axis)
    return block
