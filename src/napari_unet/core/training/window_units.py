"""What a network predicts for the held-out units of validation windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.evaluation.unit_scores import UnitScores, UnitTally

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Truth
    from napari_unet.core.annotations.units import UnitKey
    from napari_unet.core.image.axes import Box
    from napari_unet.core.sampling.dataset import ValidationWindow

KIND_WORDS = {"objects": "object", "scribbles": "stroke", "classes": "area"}


class WindowUnits:
    """Tallies the held-out units of windows, of all annotations.

    Parameters
    ----------
    n_classes
        Number of classes with the background.
    """

    def __init__(self, n_classes: int) -> None:
        self._tally = UnitTally(n_classes)
        self._truths: list[Truth] = []

    def add_classes(self, window: ValidationWindow, box: Box, labels: NDArray[Any]) -> None:
        """Add the predicted classes in a part of a window."""
        self._add_classes(self._units(window, box), window, box, labels)

    def add_objects(self, window: ValidationWindow, box: Box, labels: NDArray[Any]) -> None:
        """Add the predicted objects in a part of a window."""
        units = self._units(window, box)
        self._add_classes(units, window, box, labels)
        truth = window.truth.labels(window.frame, box)
        self._tally.add_objects(*units, labels, truth)

    def scores(self) -> UnitScores | None:
        """Return the scores of all units; None without any."""
        keys: Any = self._tally.keys
        if not keys:
            return None
        kinds = {truth.annotation.kind for truth in self._truths}
        flags = [_flags(truth) for truth in self._truths]
        changed = [flag for each in flags for flag in each]
        return UnitScores(
            np.array([self._tally.score(key) for key in keys]),
            np.array([self._tally.pixels(key) for key in keys]),
            np.array([_is_changed(self._truths[i], unit, flags[i]) for i, unit in keys]),
            sum(changed),
            len(changed) - sum(changed),
            KIND_WORDS[kinds.pop()] if len(kinds) == 1 else "part",
        )

    def _add_classes(
        self,
        units: tuple[list[tuple[int, UnitKey]], NDArray[np.int32]],
        window: ValidationWindow,
        box: Box,
        labels: NDArray[Any],
    ) -> None:
        truth = window.truth.labels(window.frame, box)
        if window.truth.objects:
            truth, labels = np.minimum(truth, 1), np.minimum(labels, 1)
        self._tally.add_classes(*units, labels, truth)

    def _units(
        self, window: ValidationWindow, box: Box
    ) -> tuple[list[tuple[int, UnitKey]], NDArray[np.int32]]:
        if not any(window.truth is truth for truth in self._truths):
            self._truths.append(window.truth)
        i = next(i for i, truth in enumerate(self._truths) if truth is window.truth)
        inside = tuple(
            slice(part.start - whole.start, part.stop - whole.start)
            for part, whole in zip(box, window.box, strict=True)
        )
        return [(i, key) for key in window.units.keys], window.units.numbers[inside]


def _flags(truth: Truth) -> list[bool]:
    return [*truth.strokes.changed.tolist(), *truth.removed.changed.tolist()]


def _is_changed(truth: Truth, unit: UnitKey, flags: list[bool]) -> bool:
    if unit.stroke < 0:
        return truth.annotation.result_before is None
    return flags[unit.stroke]
