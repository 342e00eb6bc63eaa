"""The result that a labels layer was copied from to be corrected: it tells what a person changed."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.journal.run_length import pack_pixels, unpack_pixels

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

BEFORE = "napari_unet_result_before"
"""Key of a labels layer's metadata: the `ResultBefore`."""

MAX_KEPT_BYTES = 1 << 26
"""Results up to this size are kept in projects and journals."""


class ResultBefore:
    """A result as it was before it was corrected; kept in memory, and packed where it is stored.

    Parameters
    ----------
    labels
        The result, which must not change; a layer's own array has to be copied.
    """

    def __init__(self, labels: NDArray[Any]) -> None:
        self.labels = labels
        self._packed: dict[str, Any] | None = None

    def plain(self) -> dict[str, Any] | None:
        """Return it as values that JSON can hold; None if it is too large."""
        if self.labels.nbytes > MAX_KEPT_BYTES:
            return None
        if self._packed is None:
            flat = self.labels.reshape(-1)
            indices = np.flatnonzero(flat)
            packed = base64.b85encode(pack_pixels(indices, flat[indices])).decode()
            dtype = np.dtype(self.labels.dtype).name
            self._packed = {"shape": list(self.labels.shape), "dtype": dtype, "pixels": packed}
        return self._packed

    @classmethod
    def from_plain(cls, kept: Any) -> ResultBefore | None:
        """Return what `plain` has kept; None if that is not a result."""
        try:
            shape = tuple(int(n) for n in kept["shape"])
            labels = np.zeros(shape, np.dtype(str(kept["dtype"])))
            packed = base64.b85decode(kept["pixels"])
            indices, values = unpack_pixels(packed, labels.dtype, labels.size)
        except (KeyError, TypeError, ValueError, binascii.Error):
            return None
        labels.reshape(-1)[indices] = values
        return cls(labels)


def before_of(layer: Layer) -> ResultBefore | None:
    """Return the result that a layer was copied from; None if it was painted anew, or that is lost."""
    known = layer.metadata.get(BEFORE)
    if known is not None and not isinstance(known, ResultBefore):
        # from a project or a journal
        known = ResultBefore.from_plain(known)
        layer.metadata = {**layer.metadata, BEFORE: known}
    fits = known is not None and known.labels.shape == tuple(layer.data.shape)
    return known if fits else None
