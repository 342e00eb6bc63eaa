"""One segmentation in the viewer: from the press of the button to the finished layer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.core.inference.outputs import label_dtype
from napari_unet.core.progress import Notice
from napari_unet.gui.layers.diameter import note_estimate
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.result_layer import CHECKED_BYTES, Nowhere
from napari_unet.gui.layers.results import probability_layers, result_layer
from napari_unet.gui.layers.visibility import drop_previews, show_alone
from napari_unet.gui.objects.measuring import Numbered
from napari_unet.gui.objects.rethreshold import SegmentedLayer
from napari_unet.gui.segment.frames_done import FramesDone
from napari_unet.gui.segment.made_by import command_of_layer, layer_record
from napari_unet.gui.segment.size import in_window
from napari_unet.gui.segment.view_first import frame_in_view, segment_in_view
from napari_unet.services.segmentation.cached_outputs import CachedOutputs
from napari_unet.services.segmentation.options import SegmentOptions, labels_are_objects
from napari_unet.services.segmentation.prepare import input_frames, prepare
from napari_unet.services.segmentation.relabel import can_relabel
from napari_unet.services.segmentation.segment import Segmentation, segment_prepared
from napari_unet.services.segmentation.writers import TileDone

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job, Progress
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.layers.placement import Placement
    from napari_unet.gui.layers.result_layer import ResultLayer
    from napari_unet.gui.session.jobs import Jobs
    from napari_unet.gui.session.worker import Outcome, Task


@dataclass(frozen=True)
class Previewed:
    """What is previewed: an image layer, its pixels, a model, and the layer that shows its labels."""

    source: ImageLayer
    image: Image
    model: Model
    layer: Labels


class SegmentRun:
    """A segmentation and the layer it fills.

    Parameters
    ----------
    viewer
        The viewer that shows the layer.
    source
        The image layer.
    image
        Its pixels with their axes.
    model, options
        How to segment.
    region
        Part of the labels to compute, for a preview; None: all.
    occasion
        A sentence on why it is run, which begins the message at its end.
    loaded_from
        What the model was loaded from.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        source: ImageLayer,
        image: Image,
        model: Model,
        options: SegmentOptions,
        region: Box | None = None,
        occasion: str = "",
        loaded_from: str = "",
    ) -> None:
        self._viewer = viewer
        self._source = source
        self._image = image
        self._model = model
        self._options = options
        self._region = region
        self._occasion = occasion
        self._model_source = loaded_from
        self._made_by: dict[str, Any] = {}
        self._objects = labels_are_objects(model.spec, options)
        title = ("objects" if self._objects else "labels") if region is None else "preview"
        self._purpose = {"title": title, "model": model.spec.name, "objects": self._objects}
        self._cache = self._make_cache()
        self._frames = FramesDone(image, model.spec.axes, twice=self._objects)
        # placed once, at the start: the image layer may have changed by the end
        self._placed: Placement
        self._result: ResultLayer
        self._report: Callable[[str], None]
        self._began = 0.0
        self._complete = False

    def check(self, jobs: Jobs) -> None:
        """Check whether it can start.

        Raises
        ------
        UserError
            When another job is running, or image, model and options don't go together.
        """
        jobs.check_idle()
        input_frames(self._image, self._model.spec, self._options)

    def start(self, jobs: Jobs) -> Task:
        """Add the layer and fill it; return the task, for `Jobs.cancel`.

        Raises
        ------
        UserError
            As `check`.
        """
        self.check(jobs)
        self._report = jobs.reported.emit
        self._placed = place(self._source, self._image.axes, self._region)
        self._result = self._make_layer()
        self._began = time.monotonic()
        removed = self._viewer.layers.events.removed

        def cancel_without_layer(event: Any) -> None:
            if event.value == self._result.layer:
                jobs.cancel()

        def end(outcome: Outcome[Segmentation]) -> None:
            removed.disconnect(cancel_without_layer)
            self._finish(outcome, jobs)

        removed.connect(cancel_without_layer)
        job = self._job(self._view())
        title = f"Segmenting {self._source.name}"
        return jobs.start(title, job, on_step=self._show_step, on_end=end)

    def _job(self, view: Box | None) -> Job[Segmentation]:
        # in the thread of the job: planning the tiles of a large volume takes a while
        run = yield from prepare(self._image, self._model, self._options, self._region).sized()
        if view is not None:
            yield from segment_in_view(run, view)
        out_uint8 = None if self._cache is None else self._cache.probabilities
        result = yield from segment_prepared(run, out=Nowhere(), out_uint8=out_uint8)
        # reads the file once more, for its hash
        self._made_by = layer_record(
            self._source, self._image, self._model, self._model_source, self._options, result
        )
        return result

    def _view(self) -> Box | None:
        """Return the frame to segment first, if any."""
        if self._region is not None:
            return None
        return frame_in_view(self._viewer, self._source, self._image, self._model.spec.axes)

    def _make_layer(self) -> ResultLayer:
        spec = self._model.spec
        return result_layer(
            self._viewer,
            self._source,
            self._placed,
            label_dtype(spec, self._objects),
            self._purpose,
            {} if self._objects else spec.label_names,
        )

    def _make_cache(self) -> CachedOutputs | None:
        """Make a cache for the outputs of the whole image, unless they are too large."""
        spec = self._model.spec
        # a layer too large to be checked for changes is never written to again
        pixel_bytes = max(label_dtype(spec, self._objects).itemsize, spec.config.out_channels)
        fits = math.prod(self._image.label_shape) * pixel_bytes <= CHECKED_BYTES
        return CachedOutputs.empty(self._image, spec) if fits and self._region is None else None

    @property
    def complete(self) -> bool:
        """Whether it has segmented the whole image."""
        return self._complete and self._region is None

    @property
    def previewed(self) -> Previewed | None:
        """What a preview has shown; None before its end, or if a layer of it was removed."""
        layers = self._viewer.layers
        if self._region is None or not self._complete:
            return None
        if self._source not in layers or self._result.layer not in layers:
            return None
        return Previewed(self._source, self._image, self._model, self._result.layer)

    @property
    def cached_outputs(self) -> CachedOutputs | None:
        """The network's outputs for the whole image; None before the end, or if they are too large."""
        return self._cache if self._complete else None

    @property
    def segmented_layer(self) -> SegmentedLayer | None:
        """The labels, and the outputs to derive them from again; None where that can't be done."""
        outputs = self.cached_outputs
        if outputs is None or not can_relabel(self._model.spec, self._options):
            return None
        return SegmentedLayer(outputs, self._result, self._options)

    @property
    def layer(self) -> Labels:
        """The layer that it fills."""
        return self._result.layer

    def journal_paint(self, keeper: PaintKeeper) -> None:
        """Journal what will be painted on the result, if both layers still exist."""
        layers = self._viewer.layers
        if self._source in layers and self._result.layer in layers:
            keeper.keep(self._result.layer, self._source)

    def _show_alone(self) -> None:
        """Hide the other labels over the image, without its previews, if both layers still exist."""
        layers = self._viewer.layers
        if self._source in layers and self._result.layer in layers:
            show_alone(self._viewer, self._source, self._result.layer)
            drop_previews(self._viewer, self._source)

    @property
    def numbered(self) -> Numbered | None:
        """The numbered objects, to be measured; None before the end, or if there are none."""
        if not self.complete or not self._objects:
            return None
        spatial, inside = self._model.spec.axes, self._placed.inside
        return Numbered(self._image, self._result.layer, spatial, inside)

    def command(self, model: str) -> str:
        """Return the command that gives the same result, with a model given by name or path.

        Raises
        ------
        UserError
            When there is none.
        """
        layer, image = self._result.layer, self._image
        return command_of_layer(layer, self._source, image, self._made_by, model)

    def _show_step(self, step: Progress) -> None:
        if isinstance(step, Notice):
            self._report(in_window(step.text))
        if isinstance(step, TileDone):
            self._result.write(step.where, step.labels)
            self._frames.add(step.where, step.labels.size)
        self._result.show()

    def _finish(self, outcome: Outcome[Segmentation], jobs: Jobs) -> None:
        if self._result.empty and outcome.error is not None:
            self._result.withdraw()
            return
        if self._result.empty and outcome.cancelled and self._result.restore():
            return
        record: dict[str, Any] = {"model": self._model.spec.name}
        record["options"] = self._options.model_dump(mode="json")
        self._complete = outcome.result is not None
        if outcome.cancelled and self._region is None:
            record["done"] = self._frames.done
            jobs.reported.emit(str(self._frames))
        if outcome.result is not None:
            record |= outcome.result.record | {"made_by": self._made_by}
            self._add_probabilities(outcome.result.probabilities)
            seconds = time.monotonic() - self._began
            message = f"Done in {seconds:.1f} s: “{self._result.layer.name}”."
            doubt = outcome.result.record["outcome"]
            parts = [doubt, self._occasion, message, *outcome.result.reading_notes]
            tell = jobs.cautioned if doubt else jobs.reported
            tell.emit(in_window(" ".join(filter(None, parts))))
            found = outcome.result.record["diameter"]
            if found["source"] == "estimated":
                note_estimate(self._source, found["pixels"])
        # before it can be copied: later, this would hide the copy; and while a network keeps
        # learning, its annotation stays visible
        if self.complete and not jobs.at_work:
            self._show_alone()
        self._result.finish({**record, "complete": self._complete, "purpose": self._purpose})

    def _add_probabilities(self, probabilities: Any) -> None:
        if probabilities is None:
            return
        region = self._region or (slice(None),) * (probabilities.ndim - 1)
        shown = probabilities[(slice(None), *region)]
        classes = dict(zip(self._model.spec.classes, shown, strict=True))
        probability_layers(self._viewer, self._source, self._placed, classes, self._purpose)
