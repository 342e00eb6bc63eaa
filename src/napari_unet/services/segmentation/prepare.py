"""Everything a segmentation computes with, decided once: for the run, its preview and its plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from napari_unet.core.image.frames import frames
from napari_unet.core.image.scale import pixel_size_of
from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.inference.outputs import Outputs, background_where_missing
from napari_unet.core.inference.rescale import RescaledFrames
from napari_unet.core.memory_units import bytes_of_gib
from napari_unet.core.progress import Job, Notice
from napari_unet.services.segmentation.channels import channel_indices, channel_name
from napari_unet.services.segmentation.options import SegmentOptions, labels_are_objects
from napari_unet.services.segmentation.plan import Plan, plan_of
from napari_unet.services.segmentation.sizing import (
    MUCH_WORK,
    Sizing,
    estimated,
    sizing,
    warning,
    work,
)
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
    image, spec, options, region
        The image, the model's description, how to segment, and which part; None: all.
    frames
        The planes or volumes to compute.
    box
        Window of each frame to compute; None: all of it.
    predictor
        The model at work; it copies the network when it first runs.
    size
        The scale at which the network is shown the image; `sized` makes sure that it is known.
    rescaled
        The frames, and the same at this scale.
    statistics
        Normalisation of *all* frames of the image, whichever are computed; measured when first needed.
    plan
        Tiles and memory.
    told
        Whether the scale is known and what is to be said of it has been.
    """

    image: Image
    spec: ModelSpec
    options: SegmentOptions
    region: Box | None
    frames: list[Frame]
    box: Box | None
    predictor: Predictor
    size: Sizing
    rescaled: RescaledFrames
    statistics: NormalizationStatistics
    plan: Plan
    told: bool = False

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
            "channels": [channel_name(self.image, c) for c in self.frames[0].channels],
            "device": self.plan.device,
            "engine": self.predictor.compute.engine,
            "precision": self.predictor.precision,
            "tile_shape": list(self.plan.tile_shape),
            "exact": self.plan.exact,
            "rescaled_shape": list(self.plan.rescaled),
            "diameter": {**self.size.record, "learnt": self.spec.diameter},
        }

    def sized(self) -> Job[PreparedRun]:
        """Return the run at a scale that is known: where the diameter is automatic, it is estimated.

        Yields
        ------
        Progress
            While the network looks at a part of the image.
        Notice
            How long it will take, where rescaling multiplies the work.

        Raises
        ------
        UserError
            When a pixel is not a number, or memory does not suffice.
        """
        if self.told:
            return self
        run, size = self, self.size
        if size.pending:
            # it brings torch
            from napari_unet.core.diameter.estimate import estimate_diameter

            whole = input_frames(self.image, self.spec, self.options)
            found = yield from estimate_diameter(whole, self.predictor)
            size = estimated(self.image, self.spec, self.options, found)
            run = _assembled(self.image, self.spec, self.options, self.region, self.predictor, size)
        if work(self.image, self.spec.axes, size.factors) > MUCH_WORK:
            size = yield from run._with_warning()
            yield Notice(0, 1, text=size.warning)
        return replace(run, size=size, told=True)

    def _with_warning(self) -> Job[Sizing]:
        """Find out how long the run will take."""
        from napari_unet.core.diameter.look import seconds_per_pixel

        seconds = self.size.seconds or (yield from seconds_per_pixel(self.predictor))
        pixels = self.plan.n_tiles * prod(self.plan.tile_shape)
        text = warning(self.image, self.spec, self.size, seconds * pixels)
        return replace(self.size, warning=text)

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
        rescaled, box = self.rescaled.within(region)
        plan = plan_of(self.predictor, rescaled, self.size, unknown_size=self.plan.unknown_size)
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
    size: Sizing | None = None,
) -> PreparedRun:
    """Check that image, model and options go together, and decide how they are run.

    No pixel is read, but for some to see what colours stand for; the network is not copied yet.

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
    size
        The scale that a run of the same image, model and options was at; None: as the options say.

    Raises
    ------
    UserError
        When they don't go together.
    """
    options, spec = options or SegmentOptions(), model.spec
    size = size or sizing(image, spec, options)
    predictor = predictor or make_predictor(model, options)
    return _assembled(image, spec, options, region, predictor, size)


def _assembled(
    image: Image,
    spec: ModelSpec,
    options: SegmentOptions,
    region: Box | None,
    predictor: Predictor,
    size: Sizing,
) -> PreparedRun:
    originals = input_frames(image, spec, options)
    whole = RescaledFrames.by(originals, size.factors)
    # of the whole image, so that a region is normalised as in the whole image
    statistics = NormalizationStatistics(options.normalization or spec.normalization, whole.frames)
    rescaled, box = (whole, None) if region is None else whole.within(region)
    return PreparedRun(
        image,
        spec,
        options,
        region,
        rescaled.originals,
        box,
        predictor,
        size,
        rescaled,
        statistics,
        plan_of(predictor, rescaled, size, unknown_size=_is_size_unknown(image, spec, options)),
    )


def _is_size_unknown(image: Image, spec: ModelSpec, options: SegmentOptions) -> bool:
    """Whether an image is only not rescaled because it states no pixel size."""
    by_pixel_size = spec.diameter is None and options.rescale and bool(spec.pixel_size)
    return by_pixel_size and options.pixel_size is None and not pixel_size_of(image, spec.axes)


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
        When this computer lacks device or engine, or these the precision.
    """
    # they bring torch
    from napari_unet.core.engines.choice import choose_compute
    from napari_unet.core.inference.mirror import MirrorPredictor
    from napari_unet.core.inference.predictor import Predictor

    kind = MirrorPredictor if options.mirror else Predictor
    return kind(
        model,
        choose_compute(options.device, options.precision, options.engine),
        normalization=options.normalization,
        memory=bytes_of_gib(options.memory),
        tile=options.tile,
        calibration=user_data_path("napari-unet-studio", appauthor=False) / "calibration",
    )
