"""The typical diameter of annotated objects, which a network trained on them states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cc3d
import numpy as np

from napari_unet.core.image.frames import frames
from napari_unet.core.objects.diameters import diameters, typical, without_nets
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Truth
    from napari_unet.core.progress import Job


def annotated_diameter(truths: Sequence[Truth], spatial: str) -> Job[float | None]:
    """Measure the annotated objects, or the connected parts of each annotated class.

    Parameters
    ----------
    truths
        The annotations, as inspected. Scribbles say nothing of outlines and are left out.
    spatial
        ``"YX"`` for objects of planes, ``"ZYX"`` for objects of volumes.

    Yields
    ------
    Progress
        After each plane or volume.

    Returns
    -------
    float or None
        Typical diameter in pixels along X; None if nothing was measured.
    """
    complete = [truth for truth in truths if truth.annotation.kind != "scribbles"]
    work = [(t, f) for t in complete for f in frames(t.annotation.image, spatial, (0,))]
    found: list[NDArray[np.float64]] = []
    for i, (truth, frame) in enumerate(work):
        labels = np.maximum(truth.labels(frame, tuple(slice(0, n) for n in frame.shape)), 0)
        if labels.any():
            if not truth.objects:
                labels = without_nets(cc3d.connected_components(labels))
            spacing = frame.image.spacing(spatial) if frame.image.unit != "pixel" else ()
            found.append(diameters(labels, spacing))
        yield Progress(i + 1, len(work), "Measuring the annotated objects")
    values = np.concatenate([*found, np.zeros(0)])
    return typical(values) if len(values) else None
