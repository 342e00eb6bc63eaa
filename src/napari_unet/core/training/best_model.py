"""The best network of a training so far, and how the one before the training does beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from napari_unet.core.training.validation import validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import HeldWindow
    from napari_unet.core.training.validation import ValidationScores


CHANCE = 0.02
"""Differences in IoU up to this one are taken for chance: a few strokes tell no better. Then the later
network, trained at a lower rate, is preferred, unless it is the one of the two that is worse than the
parent."""


@dataclass(frozen=True)
class ValidationOutcome:
    """How a network did.

    Attributes
    ----------
    iou
        Its mean IoU on held-out paint, if there is any.
    won
        Whether it is the one to keep.
    higher
        Whether its score is higher than any before.
    """

    iou: float | None
    won: bool
    higher: bool


class BestModel:
    """Keeps the best network, judged by held-out paint; without any, the newest.

    Parameters
    ----------
    parent
        The model before the training; None if there is none that could be judged alike.
    compute, memory
        Device and precision, and bytes that may be used.
    objects
        Whether it is objects that count.

    Attributes
    ----------
    model
        The best network; None before the first has been offered.
    before, after
        How the parent and it do; None where that is not known.
    highest
        Highest IoU of any network so far.
    """

    def __init__(
        self,
        parent: Model | None,
        compute: Compute,
        memory: int | None,
        *,
        objects: bool = False,
    ) -> None:
        self._parent = parent
        self._objects = objects
        self._compute = compute
        self._memory = memory
        self.model: Model | None = None
        self.before: ValidationScores | None = None
        self.after: ValidationScores | None = None
        self.highest = 0.0

    def revalidate(self, windows: Sequence[HeldWindow]) -> Job[None]:
        """Judge parent and champion, by other paint than before."""
        before = after = None
        if windows and self._parent is not None:
            # as it segments; the network that learns sees the image's own pixels
            before = yield from self._validate(self._parent, windows, self._parent.spec.pixel_size)
        if windows and self.model is not None:
            after = yield from self._validate(self.model, windows)
        self.before, self.after = before, after
        self.highest = 0.0 if after is None else _known(after.score)

    def challenge(self, model: Model, windows: Sequence[HeldWindow]) -> Job[ValidationOutcome]:
        """Judge a network, and make it the champion if it is better.

        Returns
        -------
        ValidationOutcome
            How it did.
        """
        if not all(bool(v.isfinite().all()) for v in model.network.state_dict().values()):
            return ValidationOutcome(None, won=False, higher=False)
        if not windows:
            self.model = model
            return ValidationOutcome(None, won=True, higher=True)
        found = yield from self._validate(model, windows)
        iou = _known(found.score)
        higher = self.after is None or iou > self.highest
        self.highest = max(self.highest, iou)
        won = iou >= self.highest - CHANCE and (self._beats_parent(iou) or not self._has_won)
        if won:
            self.model, self.after = model, found
        return ValidationOutcome(found.score, won=won, higher=higher)

    @property
    def _has_won(self) -> bool:
        """Whether the champion is better than the parent."""
        return self.after is not None and self._beats_parent(_known(self.after.score))

    def _beats_parent(self, iou: float) -> bool:
        return self.before is None or iou > _known(self.before.score)

    def _validate(
        self, model: Model, windows: Sequence[HeldWindow], pixel_size: Sequence[float] = ()
    ) -> Job[ValidationScores]:
        job = validate(
            model,
            windows,
            self._compute,
            self._memory,
            objects=self._objects,
            pixel_size=pixel_size,
        )
        return (yield from job)


def _known(iou: float) -> float:
    """An IoU that is not known, because no held-out paint is foreground, tells nobody apart."""
    return 0.0 if isnan(iou) else iou
