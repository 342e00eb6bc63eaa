"""Trains as long as somebody paints, and shows the result in the region that they look at."""

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

ROUND_STEPS = 200
"""Steps of a round, in which the learning rate rises and falls once."""
TRAINING_TO_SHOWING = 4
"""Training takes at least this many times as long as segmenting, while the same region is shown."""
MIN_IOU_GAIN = 0.002
"""A round must improve the IoU by so much for another round on the same annotations."""
PAUSE_S = 0.1
"""Seconds between two looks for new annotations."""


@dataclass
class Screen:
    """What somebody looks at; the region may be replaced at any time.

    Attributes
    ----------
    image
        An image.
    region
        A slice for each axis of its labels; None: nothing is shown.
    """

    image: Image
    region: Box | None = None


@dataclass(frozen=True, kw_only=True)
class Shown(Progress):
    """The shown region, segmented by the best network so far.

    Attributes
    ----------
    region
        The region of the whole image's labels.
    labels
        Its labels.
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
    """Fine-tune in endless rounds, on annotations that may be replaced meanwhile.

    It pauses after a round without improvement, until something new is painted.

    Parameters
    ----------
    paint
        What to learn; replace its annotations when more has been painted.
    model, options, state, resume, longer
        As for `finetune`; the steps and minutes of the options are ignored.
    screen
        What is looked at.

    Yields
    ------
    Progress
        As for `finetune`, but without a total.
    ResultSoFar
        As for `finetune`. To stop and keep the best, close the generator and take the last one.
    Shown
        The shown region, segmented with the best network so far: when there is a better one or another
        region is shown.

    Returns
    -------
    FinetuneResult
        Only if the training can't go on, because the loss is not finite.

    Raises
    ------
    UserError
        As for `finetune`.
    """
    options = options.model_copy(update={"steps": ROUND_STEPS, "minutes": None})
    showing = _Showing(screen, SegmentOptions(channels=options.channels))
    best = longer
    while True:
        learnt, highest, steps = paint.annotations, _highest(best), _steps(best)
        job = finetune(paint, model, options, state=state, resume=resume, longer=best)
        best = yield from _round(job, showing)
        yield from showing.job(best)
        if _steps(best) == steps:
            # the loss is not finite and will not become so
            return best
        if _highest(best) <= highest + MIN_IOU_GAIN:
            yield from _pause(paint, learnt, best, showing)


def _round(job: Job[FinetuneResult], showing: _Showing) -> Job[FinetuneResult]:
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        # how far the round is does not matter to anybody
        yield replace(step, total=0)
        if isinstance(step, ResultSoFar):
            yield from showing.job(step.result)


def _highest(result: FinetuneResult | None) -> float:
    """Return the highest IoU; it is always 0 if nothing is held out, so that one round is all."""
    return 0.0 if result is None else result.trained.status.highest


def _steps(result: FinetuneResult | None) -> int:
    return 0 if result is None else result.trained.status.step


def _pause(paint: Paint, learnt: object, best: FinetuneResult, showing: _Showing) -> Job[None]:
    """Wait until the annotations are others than those learnt."""
    while paint.annotations is learnt:
        yield from showing.job(best)
        yield Progress(best.trained.status.step, 0, "Waiting for new annotations")
        time.sleep(PAUSE_S)


class _Showing:
    """Segments the region that is looked at, if it is not what was shown last."""

    def __init__(self, screen: Screen, options: SegmentOptions) -> None:
        self._screen = screen
        self._options = options
        self._last: tuple[int, Box | None] = (-1, None)
        self._seconds = self._ended = 0.0

    def job(self, best: FinetuneResult) -> Job[None]:
        region = self._screen.region
        now = (best.trained.status.best_step, region)
        moved = region != self._last[1]
        too_soon = time.monotonic() - self._ended < TRAINING_TO_SHOWING * self._seconds
        if region is None or now == self._last or (too_soon and not moved):
            return
        began = time.monotonic()
        part = segment(self._screen.image, best.model, self._options, region=region)
        segmentation = yield from as_part(part, 0, 0, name="Showing what it has learnt:")
        self._last = now
        self._ended = time.monotonic()
        self._seconds = self._ended - began
        done = float(best.trained.status.step)
        yield Shown(done, 0, region=region, labels=segmentation.labels[region], model=best.model)
