"""Learn for as long as somebody paints, and show what has been learnt on what they look at."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_unet.core.progress import Progress, as_part
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import ResultSoFar, finetune

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Paint
    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.training.options import FinetuneOptions
    from napari_unet.services.training.result import FinetuneResult

ROUND = 200
"""Steps in which the learning rate rises and falls once."""
SHARE = 4
"""Learning takes this many times as long as showing, at least, while the same is looked at."""
GAIN = 0.002
"""What a round must bring in IoU for another one on the same paint."""
PAUSE_S = 0.1
"""Time between two looks for new paint."""


@dataclass
class Screen:
    """What somebody looks at; who shows it exchanges the region, at any time.

    Attributes
    ----------
    image
        An image.
    region
        A slice for each axis of its labels; None: nothing is to be shown.
    """

    image: Image
    region: Box | None = None


@dataclass(frozen=True, kw_only=True)
class Shown(Progress):
    """What the best network so far says of the region that is looked at.

    Attributes
    ----------
    region
        Of the labels of the whole image.
    labels
        Of that shape.
    model
        The network.
    """

    region: Box
    labels: NDArray[Any]
    model: Model


def keep_learning(
    paint: Paint,
    model: Model | NewModel,
    options: FinetuneOptions,
    screen: Screen,
    *,
    state: Path | None = None,
    resume: bool = True,
    longer: FinetuneResult | None = None,
) -> Job[FinetuneResult]:
    """Fine-tune in rounds that never end, on paint that is exchanged meanwhile.

    It rests when a round has brought nothing better and nothing was painted since.

    Parameters
    ----------
    paint
        What was painted; exchange its annotations when there is more.
    model, options, state, resume, longer
        As for `finetune`; steps and minutes of the options are not
        looked at.
    screen
        What is looked at.

    Yields
    ------
    Progress
        As there, without an end in sight.
    ResultSoFar
        Likewise. To stop and keep the best, close the generator and take the last of these.
    Shown
        What is looked at, segmented with the best network so far: when there is a better one or
        something else is looked at.

    Returns
    -------
    FinetuneResult
        Only if it can learn no more, as the loss is not a number.

    Raises
    ------
    UserError
        As there.
    """
    options = options.model_copy(update={"steps": ROUND, "minutes": None})
    showing = _Showing(screen, SegmentOptions(channels=options.channels))
    best = longer
    while True:
        seen, highest, began = paint.annotations, _highest(best), _steps(best)
        job = finetune(paint, model, options, state=state, resume=resume, longer=best)
        best = yield from _round(job, showing)
        yield from showing.job(best)
        if _steps(best) == began:
            # the loss is no number any more, nor will it be again
            return best
        if _highest(best) <= highest + GAIN:
            yield from _rest(paint, seen, best, showing)


def _round(job: Job[FinetuneResult], showing: _Showing) -> Job[FinetuneResult]:
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        # how far the round is says nothing to anybody
        yield replace(step, total=0)
        if isinstance(step, ResultSoFar):
            yield from showing.job(step.result)


def _highest(result: FinetuneResult | None) -> float:
    """Return the highest IoU on held-out paint; where nothing is held out, one round is all."""
    return 0.0 if result is None else result.trained.status.highest


def _steps(result: FinetuneResult | None) -> int:
    return 0 if result is None else result.trained.status.step


def _rest(paint: Paint, seen: object, best: FinetuneResult, showing: _Showing) -> Job[None]:
    while paint.annotations is seen:
        yield from showing.job(best)
        yield Progress(best.trained.status.step, 0, "Resting until you paint")
        time.sleep(PAUSE_S)


class _Showing:
    """Segments what is looked at, where that is not what was shown last."""

    def __init__(self, screen: Screen, options: SegmentOptions) -> None:
        self._screen = screen
        self._options = options
        self._last: tuple[int, Box | None] = (-1, None)
        self._took = self._ended = 0.0

    def job(self, best: FinetuneResult) -> Job[None]:
        region = self._screen.region
        now = (best.trained.status.best_step, region)
        moved = region != self._last[1]
        soon = time.monotonic() - self._ended < SHARE * self._took
        if region is None or now == self._last or (soon and not moved):
            return
        began = time.monotonic()
        part = segment(self._screen.image, best.model, self._options, region=region)
        found = yield from as_part(part, 0, 0, name="Showing what it has learnt")
        self._last = now
        self._ended = time.monotonic()
        self._took = self._ended - began
        done = float(best.trained.status.step)
        yield Shown(done, 0, region=region, labels=found.labels[region], model=best.model)
