"""How a model does on the paint that is held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.labels import to_labels
from napari_unet.core.maps import Maps
from napari_unet.core.metrics import Confusion
from napari_unet.core.predict import Predictor
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.device import Compute
    from napari_unet.core.model import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.training_set import HeldWindow


def judge(
    model: Model, windows: Sequence[HeldWindow], compute: Compute, memory: int | None = None
) -> Job[Confusion]:
    """Compare a model's labels with held-out paint.

    Parameters
    ----------
    model
        The model.
    windows
        Where the paint lies; what the model says there does not depend on the window.
    compute, memory
        Device and precision, and bytes that may be used.

    Yields
    ------
    Progress
        Often enough to cancel at once; in units of windows.
    """
    n = max(model.spec.label_names) + 1
    found = Confusion.zero(n)
    predictor = Predictor(model, compute, memory=memory)
    for i, window in enumerate(windows):
        for step in predictor.run([window.frame], window.box, window.affines):
            if isinstance(step, Maps):
                labels = to_labels(step.values, model.spec, model.spec.threshold)
                truth = window.truth.validation(window.frame, step.write)
                if window.truth.objects:
                    truth = np.minimum(truth, 1)
                found += Confusion.of(labels, truth, n)
            yield Progress(i + min(step.fraction, 1.0), len(windows), "Judging by held-out paint")
    return found
