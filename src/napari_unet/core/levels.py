"""What a network says, a byte a value: enough to find labels in it again with other thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 255
"""Values are kept in whole steps from 0 to this, which stand for 0 to 1."""


def to_levels(maps: NDArray[Any]) -> NDArray[np.uint8]:
    """Return maps in steps of 1/255, a byte each, which is as fine as any threshold needs.

    Parameters
    ----------
    maps
        Values from 0 to 1, or levels already.

    Raises
    ------
    UserError
        When a value is not a number.
    """
    if maps.dtype == np.uint8:
        return maps
    # both are NaN if any value is
    low, high = maps.min(initial=0), maps.max(initial=0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(
            "What the network says holds values that are not numbers",
            value=f"{int((~np.isfinite(maps)).sum()):,} of {maps.size:,}",
            rule="Every value is a number from 0 to 1.",
            remedy="Segment again with precision 'float32'. If that doesn't help, the model is damaged.",
        )
    scaled = np.multiply(maps, LEVELS, dtype=np.float32)
    if low < 0 or high > 1:
        np.clip(scaled, 0, LEVELS, out=scaled)
    levels = np.empty(maps.shape, np.uint8)
    np.add(scaled, 0.5, out=levels, casting="unsafe")
    return levels
