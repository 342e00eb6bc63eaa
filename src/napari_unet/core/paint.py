"""The paint that a training learns, of which there may be more by and by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.annotations import Annotation


@dataclass
class Paint:
    """The annotations to learn from, which may be exchanged while a training runs.

    Attributes
    ----------
    annotations
        Put another tuple here, with the same images in the same order, when more has been painted; the
        training takes it up at its next check. Never change the arrays in it.
    channels
        Channels of the images that go into the network.
    """

    annotations: tuple[Annotation, ...]
    channels: tuple[int, ...] = (0,)
