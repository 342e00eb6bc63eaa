"""The best network of a training so far, beside the model it was tuned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.training.tuning.candidates import (
    IOU_TOLERANCE,
    Candidate,
    forgets,
    iou_of,
    nearest,
)
from napari_unet.core.training.tuning.interpolation import between, with_weights
from napari_unet.core.training.tuning.recipe import SHARES, unjudged_share
from napari_unet.core.training.validation import validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from napari_unet.core.device import Compute
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import ValidationWindow
    from napari_unet.core.training.validation import ValidationScores

PREFIX = "best/"


@dataclass(frozen=True)
class ValidationOutcome:
    """How a network did in its validation.

    Attributes
    ----------
    iou
        Its mean IoU on the held-out annotations; None if nothing is held out.
    share
        How far it lies on the way from the start to the weights that were considered, 0 to 1.
    is_best
        Whether it is now the best model.
    is_highest
        Whether its IoU is higher than any before.
    """

    iou: float | None
    share: float
    is_best: bool
    is_highest: bool


class BestModel:
    """Keeps the network with the best validation; if nothing is held out, the newest.

    Parameters
    ----------
    parent
        The model before the training; None if there is none with the same classes and channels.
    compute, memory
        Device and precision, and bytes that may be used; None: what is free.
    objects
        Whether the score counts objects rather than pixels.
    start
        The network that the training started from, if it predicts what its parent does. Then the
        networks on the way from there are considered, too, and no other is further from it than needed.
    rehearsed
        What the parent knew before: a network that does worse there is not kept. Empty: not known.

    Attributes
    ----------
    model
        The best network; None before the first validation.
    before, after
        Validation scores of the parent and of `model`; None where they are not known.
    known_before, known_after
        Likewise, on what the parent knew before.
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
        start: Model | None = None,
        rehearsed: Sequence[ValidationWindow] = (),
    ) -> None:
        self._parent = parent
        self._objects = objects
        self._compute = compute
        self._memory = memory
        self._start = start
        self._rehearsed = rehearsed
        self._start_scores: ValidationScores | None = None
        self.model: Model | None = None
        self.before: ValidationScores | None = None
        self.after: ValidationScores | None = None
        self.known_before: ValidationScores | None = None
        self.known_after: ValidationScores | None = None
        self.highest = 0.0

    def revalidate(self, windows: Sequence[ValidationWindow]) -> Job[None]:
        """Validate the parent and the best model, on other annotations than before."""
        before = after = None
        if windows and self._parent is not None:
            # at the scale it segments at: one that states no diameter rescales by pixel size, while
            # the network that learns sees the pixels as they are
            spec = self._parent.spec
            size = spec.pixel_size if spec.diameter is None else ()
            before = yield from self._validate(self._parent, windows, size)
        if windows and self.model is not None:
            after = yield from self._validate(self.model, windows)
        self.before, self.after, self._start_scores = before, after, None
        self.highest = 0.0 if after is None else iou_of(after)
        if self.known_before is None and self._start is not None:
            self.known_before = yield from self._known(self._start)
        if self.model is not None:
            self.known_after = yield from self._known(self.model)

    def considered(self, trust: float) -> int:
        """Return the number of networks that are validated each time."""
        return len(SHARES) if self._start is not None and trust else 1

    def consider(
        self, model: Model, windows: Sequence[ValidationWindow], trust: float = 0.0
    ) -> Job[ValidationOutcome]:
        """Validate a network, and keep it, or one on the way to it, if it is the best.

        Parameters
        ----------
        model
            The network.
        windows
            Where the held-out annotations lie.
        trust
            How far the parent is trusted, 0 to 1. The more it is, the nearer a network must be to it.
        """
        if not all(bool(v.isfinite().all()) for v in model.network.state_dict().values()):
            return ValidationOutcome(None, 0.0, is_best=False, is_highest=False)
        if not windows:
            share = 1.0 if self._start is None else unjudged_share(trust)
            self.model = model if self._start is None else between(self._start, model, share)
            self.known_after = yield from self._known(self.model)
            return ValidationOutcome(None, share, is_best=True, is_highest=True)
        share, model, scores, known = yield from self._nearest(model, windows, trust)
        iou = iou_of(scores)
        is_highest = self.after is None or iou > self.highest
        self.highest = max(self.highest, iou)
        among_highest = iou >= self.highest - IOU_TOLERANCE
        is_best = among_highest and (self._beats_parent(iou) or not self._best_beats_parent)
        if is_best:
            self.model, self.after, self.known_after = model, scores, known
        return ValidationOutcome(scores.score, share, is_best=is_best, is_highest=is_highest)

    def _nearest(
        self, model: Model, windows: Sequence[ValidationWindow], trust: float
    ) -> Job[Candidate]:
        """Return the network nearest to the start that does as well as any on the way to a model."""
        if self._start is None or not trust:
            return (yield from self._candidate(1.0, model, windows))
        found: list[Candidate] = []
        for share in SHARES:
            on_the_way = between(self._start, model, share)
            found.append((yield from self._candidate(share, on_the_way, windows)))
        found = [each for each in found if not forgets(each, self.known_before)]
        found.insert(0, (yield from self._unchanged(windows)))
        return nearest(found, self.before, trust)

    def _unchanged(self, windows: Sequence[ValidationWindow]) -> Job[Candidate]:
        """Return the network that the training started from, which is validated once."""
        assert self._start is not None
        if self._start_scores is None:
            self._start_scores = yield from self._validate(self._start, windows)
        return Candidate(0.0, self._start, self._start_scores, self.known_before)

    def _candidate(
        self, share: float, model: Model, windows: Sequence[ValidationWindow]
    ) -> Job[Candidate]:
        scores = yield from self._validate(model, windows)
        return Candidate(share, model, scores, (yield from self._known(model)))

    def _known(self, model: Model) -> Job[ValidationScores | None]:
        """Validate a network on what the parent knew before."""
        if not self._rehearsed:
            return None
        return (yield from self._validate(model, self._rehearsed))

    def state(self) -> dict[str, Tensor]:
        """Return the weights of the best model, to be saved."""
        weights = {} if self.model is None else self.model.network.state_dict()
        return {f"{PREFIX}{name}": value for name, value in weights.items()}

    def restore(self, state: Mapping[str, Tensor], like: Model) -> None:
        """Restore the best model from a state that `state` returned, with another one's description."""
        weights = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
        self.model = with_weights(like, weights) if weights else None

    @property
    def _best_beats_parent(self) -> bool:
        return self.after is not None and self._beats_parent(iou_of(self.after))

    def _beats_parent(self, iou: float) -> bool:
        return self.before is None or iou > iou_of(self.before)

    def _validate(
        self, model: Model, windows: Sequence[ValidationWindow], pixel_size: Sequence[float] = ()
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
