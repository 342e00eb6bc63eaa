"""Long work as generators: for those who show progress in their own way, or want to stop midway.

Each function has a twin of the same name in `napari_unet` that runs to the end and returns the result.
Here it returns a generator of `Progress` whose return value is the result:

>>> for progress in jobs.segment(image, model):
...     print(f"{progress.fraction:.0%} {progress.note}")

`napari_unet.finish` runs one to its end. To cancel, stop iterating and call its ``close``. Arguments are
checked when the function is called, not at the first step.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from napari_unet.core.annotations.annotation import Annotation, Paint
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model
from napari_unet.core.objects.measure import measure as _measure
from napari_unet.core.progress import Job, Progress
from napari_unet.core.tracking.options import TrackingOptions
from napari_unet.core.tracking.track import check_time
from napari_unet.core.tracking.track import track as _track
from napari_unet.services import library as _library
from napari_unet.services.evaluation import compare as _compare
from napari_unet.services.evaluation import doubt as _doubt
from napari_unet.services.evaluation import evaluate as _evaluate
from napari_unet.services.segmentation import cached_outputs as _cached_outputs
from napari_unet.services.segmentation import next_region as _next_region
from napari_unet.services.segmentation import relabel as _relabel
from napari_unet.services.segmentation import segment as _segment
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import input_frames
from napari_unet.services.training import finetune as _finetune
from napari_unet.services.training import new_network as _new_network
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")

__all__ = [
    "cache_outputs",
    "compare_labels",
    "compare_models",
    "doubt_objects",
    "evaluate",
    "finetune",
    "load_model",
    "measure",
    "new_network",
    "next_regions",
    "relabel",
    "segment",
    "suspect_annotations",
    "track",
    "uncertainty_map",
]

HOW_TO_GET = {
    Image: "Image(array, 'ZYX') makes one from an array, open_image(path) from a file.",
    Model: "load_model('nuclei-fluorescence') returns one; it takes a path, too.",
    SegmentOptions: "SegmentOptions() has the defaults.",
    FinetuneOptions: "FinetuneOptions() has the defaults.",
    TrackingOptions: "TrackingOptions() has the defaults.",
    Annotation: "read_annotations(images, labels, kind) makes them from files.",
}


class _Job(Generator[Progress, None, T]):
    """A generator that says so if it is dropped before its first step, as nothing has been done then."""

    def __init__(self, job: Job[T], name: str) -> None:
        self._job = job
        self._name = name
        self._used = False

    def send(self, value: None) -> Progress:
        self._used = True
        return self._job.send(value)

    def throw(
        self, kind: Any, value: Any = None, traceback: TracebackType | None = None
    ) -> Progress:
        self._used = True
        return self._job.throw(kind, value, traceback)

    def close(self) -> None:
        self._used = True
        self._job.close()

    def __del__(self) -> None:
        if not self._used:
            warnings.warn(
                f"napari_unet.jobs.{self._name} was called but never run: iterate over what it "
                f"returns, or call napari_unet.{self._name}.",
                RuntimeWarning,
                stacklevel=2,
            )


def _checked(
    job: Callable[P, Job[T]], check: Callable[..., None], name: str = ""
) -> Callable[P, Job[T]]:
    """Return a job that checks its arguments when it is called."""

    @functools.wraps(job)
    def start(*args: P.args, **kwargs: P.kwargs) -> Job[T]:
        check(*args, **kwargs)
        return _Job(job(*args, **kwargs), name or job.__name__)

    return start


def _must_be(value: object, kind: type, name: str, *, optional: bool = False) -> None:
    if not isinstance(value, kind) and not (optional and value is None):
        raise UserError(
            f"`{name}` can't be used",
            value=f"{type(value).__name__} {value!r:.60}",
            rule=f"It must be of type {kind.__name__}.",
            remedy=HOW_TO_GET[kind],
        )


def _check_image(image: Any, *_: Any, **__: Any) -> None:
    _must_be(image, Image, "image")


def _check_tracking(labels: Any, options: Any = None) -> None:
    _must_be(labels, Image, "labels")
    _must_be(options, TrackingOptions, "options", optional=True)
    check_time(labels)


def _check_run(image: Any, model: Any, options: Any = None, **_: Any) -> None:
    _must_be(image, Image, "image")
    _must_be(model, Model, "model")
    _must_be(options, SegmentOptions, "options", optional=True)


def _check_comparison(image: Any, before: Any, now: Any, options: Any = None, **_: Any) -> None:
    for model in (before, now):
        _check_run(image, model, options)
        # raises what segmenting raises for channels and axes that don't fit
        input_frames(image, model.spec, options or SegmentOptions())


def _check_annotations(annotations: Any) -> None:
    if isinstance(annotations, Paint):
        return
    if not isinstance(annotations, Sequence) or not annotations:
        raise UserError(
            "There are no annotations",
            value=f"{type(annotations).__name__} {annotations!r:.60}",
            rule="`annotations` must be a list of at least one Annotation.",
            remedy=HOW_TO_GET[Annotation],
        )
    for annotation in annotations:
        _must_be(annotation, Annotation, "annotations")


def _check_training(annotations: Any, model: Any, options: Any = None, **_: Any) -> None:
    _check_annotations(annotations)
    if not isinstance(model, NewModel):
        _must_be(model, Model, "model")
    _must_be(options, FinetuneOptions, "options", optional=True)


def _check_evaluation(annotations: Any, model: Any, options: Any = None) -> None:
    _check_annotations(annotations)
    _must_be(model, Model, "model")
    _must_be(options, SegmentOptions, "options", optional=True)


def _unchecked(*_: Any, **__: Any) -> None:
    pass


def _load_model(name: str) -> Job[Model]:
    return _library.Library().load(str(name))


def _check_annotated(annotations: Any, *_: Any, **__: Any) -> None:
    _check_annotations(annotations)


segment = _checked(_segment.segment, _check_run)
relabel = _checked(_relabel.relabel, _unchecked)
cache_outputs = _checked(_cached_outputs.cache_outputs, _check_run)
uncertainty_map = _checked(_next_region.uncertainty_map, _unchecked)
next_regions = _checked(_next_region.next_regions, _unchecked)
doubt_objects = _checked(_doubt.doubt_objects, _unchecked)
suspect_annotations = _checked(_doubt.suspect_annotations, _unchecked)
compare_models = _checked(_compare.compare, _check_comparison, "compare_models")
finetune = _checked(_finetune.finetune, _check_training)
new_network = _checked(_new_network.new_network, _check_annotated)
evaluate = _checked(_evaluate.evaluate, _check_evaluation)
compare_labels = _checked(_evaluate.compare_labels, _unchecked)
measure = _checked(_measure, _check_image)
track = _checked(_track, _check_tracking)
load_model = _checked(_load_model, _unchecked, "load_model")
