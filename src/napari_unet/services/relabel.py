"""Find objects again, with other thresholds, in what the network said before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.axes import frames
from napari_unet.core.numbering import object_spacing
from napari_unet.core.objects import find_objects, number_above
from napari_unet.core.progress import Job, Progress
from napari_unet.services.options import object_options
from napari_unet.services.segment import TileDone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.services.kept_maps import KeptMaps
    from napari_unet.services.options import SegmentOptions


def relabel(
    maps: KeptMaps,
    options: SegmentOptions,
    *,
    at: Mapping[str, int] | None = None,
    taken: int = 0,
) -> Job[None]:
    """Number the objects anew, without the network.

    Parameters
    ----------
    maps
        What a model of objects said.
    options
        Threshold, separation, smallest object and holes; nothing else of them matters.
    at
        Position along the axes that are looped over: only this plane or volume. None: all.
    taken
        Numbers up to this one are not given.

    Yields
    ------
    TileDone
        After each plane or volume.
    """
    cut = frames(maps.image, maps.spec.axes, (0,))
    how = object_options(maps.spec, options)
    wanted = [f for f in cut if at is None or all(at.get(a, i) == i for a, i in f.index.items())]
    for i, frame in enumerate(wanted):
        yield Progress(i, len(wanted), frame.title)
        key, order = frame.place(tuple(slice(0, n) for n in frame.shape))
        inverse = tuple(int(n) + 1 for n in np.argsort(order))
        levels = np.asarray(maps.levels[(slice(None), *key)]).transpose(0, *inverse)
        found = find_objects(levels, how, object_spacing(frame))
        taken = number_above(found, taken)
        yield TileDone(
            done=i + 1,
            total=len(wanted),
            note=frame.title,
            where=key,
            labels=found.transpose(order),
        )
