"""Everything a segmentation computes with, decided once: for the run, its preview and its plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import frames
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.inference.outputs import Outputs, background_where_missing
from napari_unet.core.inference.rescale import RescaledFrames
from napari_unet.core.memory_units import bytes_of_gib
from napari_unet.core.progress import Job, Progress
from napari_unet.services.segmentation.channels import channel_indices
from napari_unet.services.segmentation.options import SegmentOptions, labels_are_objects
from napari_unet.services.segmentation.plan import Plan, plan_of
from napari_unet.version import __version__

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.inference.predictor import Predictor
    from napari_unet.core.model.spec import Model, ModelSpec


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """An image, a model and options that go together, and what follows from them.

    Attributes
    ----------
    image, spec, options
        The image, the model's description, and how to segment.
    frames
        The planes or volumes to compute.
    box
        Window of each frame to compute; None: all of it.
    predictor
        The model at work; it copies the network when it first runs.
    rescaled
        The frames, and the same at the model's pixel size.
    statistics
        Normalisation of *all* frames of the image, whichever are computed; measured when first needed.
    plan
        Tiles and memory.
    """

    image: Image
    spec: ModelSpec
    options: SegmentOptions
    frames: list[Frame]
    box: Box | None
    predictor: Predictor
    rescaled: RescaledFrames
    statistics: NormalizationStatistics
    plan: Plan

    @property
    def objects(self) -> bool:
        """Whether labels are numbers of objects, rather than classes."""
        return labels_are_objects(self.spec, self.options)

    @property
    def record(self) -> dict[str, Any]:
        """Model, options, device, precision and tiling, as JSON values."""
        return {
            "package": f"napari-unet-studio {__version__}",
            "model": self.spec.name,
            "axes": self.spec.axes,
            "provenance": self.spec.provenance.model_dump(mode="json"),
            "options": self.options.model_dump(mode="json"),
            "device": self.plan.device,
            "precision": self.plan.precision,
            "tile_shape": list(self.plan.tile_shape),
            "exact": self.plan.exact,
            "rescaled_shape": list(self.plan.rescaled),
        }

    def within(self, region: Box) -> PreparedRun:
        """Return the same for a part of the labels; it shares the predictor and the statistics.

        Parameters
        ----------
        region
            A slice for each axis of the labels.

        Raises
        ------
        UserError
            When the region holds no pixel of the image.
        """
        rescaled, box = _within(self.rescaled, self.image, region)
        plan = plan_of(self.predictor, rescaled)
        return replace(self, frames=rescaled.originals, box=box, rescaled=rescaled, plan=plan)

    def outputs(self) -> Job[None]:
        """Compute the model's outputs; pixels that lack data become background.

        Yields
        ------
        Progress, Outputs
            As `Predictor.run`.

        Raises
        ------
        UserError
            As there.
        """
        for step in self.rescaled.run(self.predictor, self.box, self.statistics):
            yield background_where_missing(step, self.spec) if isinstance(step, Outputs) else step


def prepare(
    image: Image,
    model: Model,
    options: SegmentOptions | None = None,
    region: Box | None = None,
    *,
    predictor: Predictor | None = None,
) -> PreparedRun:
    """Check that image, model and options go together, and decide how they are run.

    No pixel is read, and the network is not copied yet.

    Parameters
    ----------
    image, model
        The image and the model.
    options
        How to segment; None: the defaults.
    region
        A slice for each axis of the labels: only this part is computed. None: all.
    predictor
        That of a run of another image with the same model and options; None: a new one.

    Raises
    ------
    UserError
        When they don't go together.
    """
    options, spec = options or SegmentOptions(), model.spec
    whole = RescaledFrames.of(
        input_frames(image, spec, options),
        spec.pixel_size if options.rescale else (),
        options.pixel_size,
    )
    # of the whole image, so that a region is normalised as in the whole image
    statistics = NormalizationStatistics(options.normalization or spec.normalization, whole.frames)
    rescaled, box = (whole, None) if region is None else _within(whole, image, region)
    predictor = predictor or make_predictor(model, options)
    plan = plan_of(predictor, rescaled)
    return PreparedRun(
        image, spec, options, rescaled.originals, box, predictor, rescaled, statistics, plan
    )


def plan_job(image: Image, model: Model, options: SegmentOptions) -> Job[Plan]:
    """Plan a run as a job: for a large volume it takes a while.

    Raises
    ------
    UserError
        As `prepare`.
    """
    yield Progress(0, 1)
    return prepare(image, model, options).plan


def input_frames(image: Image, spec: ModelSpec, options: SegmentOptions) -> list[Frame]:
    """Cut an image into what a model takes at once.

    Raises
    ------
    UserError
        When the image's axes or channels don't fit the model.
    """
    return frames(image, spec.axes, channel_indices(image, spec, options.channels))


def make_predictor(model: Model, options: SegmentOptions) -> Predictor:
    """Return the predictor that the options ask for.

    Raises
    ------
    UserError
        When this computer lacks the device, or the device the precision.
    """
    # they bring torch
    from napari_unet.core.device import choose_device
    from napari_unet.core.inference.mirror import MirrorPredictor
    from napari_unet.core.inference.predictor import Predictor

    kind = MirrorPredictor if options.mirror else Predictor
    return kind(
        model,
        choose_device(options.device, options.precision),
        normalization=options.normalization,
        memory=bytes_of_gib(options.memory),
        tile=options.tile,
    )


def _within(whole: RescaledFrames, image: Image, region: Box) -> tuple[RescaledFrames, Box]:
    """Return the frames that a region of the labels touches, and its window in each of them."""
    limits = {
        axis: range(*part.indices(image.sizes[axis]))
        for axis, part in zip(image.label_axes, region, strict=True)
    }
    inside = [
        i
        for i, frame in enumerate(whole.originals)
        if all(position in limits[axis] for axis, position in frame.index.items())
    ]
    box = tuple(slice(limits[a].start, limits[a].stop) for a in whole.originals[0].spatial)
    if not inside or any(s.start >= s.stop for s in box):
        raise UserError(
            "There is nothing to segment",
            value=f"region {region}",
            rule="The region must hold a pixel of the image.",
            remedy="Move the view over the image.",
        )
    originals, scaled = ([each[i] for i in inside] for each in (whole.originals, whole.frames))
    return replace(whole, originals=originals, frames=scaled), box
