"""What a predictor yields for each finished window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.core.axes import Box, Frame


@dataclass(frozen=True, kw_only=True)
class Maps(Progress):
    """The network's finished outputs for one window of one frame.

    Attributes
    ----------
    frame
        The plane or volume.
    write
        The window.
    values
        (out_channels, *window) float32: probabilities where the model has an activation.
    """

    frame: Frame
    write: Box
    values: NDArray[np.float32]
