"""Segment an image with a model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.inference.outputs import Outputs, label_dtype
from napari_unet.core.progress import Notice
from napari_unet.services.segmentation.arrays import zeros
from napari_unet.services.segmentation.channels import channel_note
from napari_unet.services.segmentation.options import object_options
from napari_unet.services.segmentation.outcome import OutcomeTally
from napari_unet.services.segmentation.prepare import PreparedRun, prepare
from napari_unet.services.segmentation.writers import (
    LabelWriter,
    ObjectWriter,
    ProbabilityWriter,
    Uint8Writer,
    UncertaintyWriter,
    Writer,
)

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.services.segmentation.options import SegmentOptions


@dataclass(frozen=True, eq=False)
class Segmentation:
    r"""The result of a segmentation.

    Attributes
    ----------
    labels
        Class of each pixel, or number of its object; 0 is background. It has the image's axes without
        the channels.
    axes
        Axes of `labels`.
    probabilities
        (out_channels, \*labels.shape) float32 between 0 and 1, if asked for.
    record
        Model, options, device, precision, tiling and the objects' diameter, as JSON values;
        ``missing_pixels`` is the number of those without data, ``outcome`` says what speaks against the
        result; empty: nothing.
    uncertainty
        (\*labels.shape) float32 from 0, sure, to 1, if asked for.
    """

    labels: Any
    axes: str
    probabilities: Any = None
    record: dict[str, Any] = field(default_factory=dict)
    uncertainty: Any = None

    @property
    def notes(self) -> list[str]:
        """What one should know of the result, and of how the image was read, a sentence or more each."""
        outcome = self.record.get("outcome", "")
        return [*([outcome] if outcome else []), *self.reading_notes]

    @property
    def reading_notes(self) -> list[str]:
        """What one should know of how the image was read and rescaled, a sentence or more each."""
        notes = [
            *self.record.get("notes", ()),
            *self.record.get("diameter", {}).get("notes", ()),
        ]
        if missing := self.record.get("missing_pixels", 0):
            noun = "pixel" if missing == 1 else "pixels"
            notes.append(
                f"{missing:,} {noun} without data (NaN, infinite or “no data”): background."
            )
        return notes


def segment(
    image: Image,
    model: Model,
    options: SegmentOptions | None = None,
    *,
    region: Box | None = None,
    out: Any = None,
    out_probabilities: Any = None,
    out_uint8: Any = None,
) -> Job[Segmentation]:
    r"""Segment an image.

    A 2-D model runs over every plane of a stack, a 3-D model over every volume. The result does not
    depend on tiles or batches (but see `Plan.exact`). Objects are found in whole planes or volumes;
    those of later ones have larger numbers.

    Arguments are checked at once; nothing is computed before the first step is asked for.

    Parameters
    ----------
    image
        The image.
    model
        The model.
    options
        How to segment; None: the defaults.
    region
        A slice for each axis of the labels: compute only this part. Its result is that of the whole
        image, but for the numbers and edges of objects; the rest of the labels stays 0.
    out, out_probabilities
        Arrays to write to, for example of zarr; None: made in memory. Classes fit into uint8, numbers
        of objects need uint32.
    out_uint8
        uint8 array, (out_channels, \*labels.shape), for the network's outputs, 255 standing for 1:
        those of `CachedOutputs`. None: they are not kept.

    Yields
    ------
    Progress
        Many times a second on most machines.
    Notice
        How long it will take, where rescaling multiplies the work; at the end, what speaks against the
        result.
    TileDone
        After each finished window.

    Returns
    -------
    Segmentation
        Labels, and what else was asked for.

    Raises
    ------
    UserError
        At once, when image, model and options don't go together, or `out` is too narrow. Later, when
        memory does not suffice for the smallest tile.
    """
    run = prepare(image, model, options, region)
    outputs = {"out_probabilities": out_probabilities, "out_uint8": out_uint8}
    return _telling(segment_prepared(run, out=out, **outputs))


def _telling(job: Job[Segmentation]) -> Job[Segmentation]:
    result = yield from job
    if result.record["outcome"]:
        yield Notice(1, 1, text=result.record["outcome"])
    return result


def segment_prepared(
    run: PreparedRun, *, out: Any = None, out_probabilities: Any = None, out_uint8: Any = None
) -> Job[Segmentation]:
    """Segment as `segment` does, where image, model and options have been prepared.

    Parameters
    ----------
    run
        What `prepare` returned.
    out, out_probabilities, out_uint8
        As for `segment`.

    Raises
    ------
    UserError
        As there.
    """
    return _write_all(run, _empty_result(run, out, out_probabilities), out_uint8)


def _write_all(run: PreparedRun, result: Segmentation, out_uint8: Any) -> Job[Segmentation]:
    run = yield from run.sized()
    writers, tally = _writers(run, result, out_uint8), OutcomeTally(run)
    for step in run.outputs():
        if not isinstance(step, Outputs):
            yield step
            continue
        result.record["missing_pixels"] += step.missing
        for writer in writers:
            for done in writer.write(step):
                if isinstance(writer, ObjectWriter):
                    tally.add_objects(done.labels)
                yield done
        tally.add(step)
    return replace(result, record=run.record | result.record | {"outcome": tally.told()})


def _empty_result(run: PreparedRun, out: Any, out_probabilities: Any) -> Segmentation:
    image, options = run.image, run.options
    shape, n = image.label_shape, run.spec.config.out_channels
    dtype = label_dtype(run.spec, run.objects)
    _check_dtype(out, dtype)
    if options.probabilities and out_probabilities is None:
        out_probabilities = zeros((n, *shape), np.float32)
    return Segmentation(
        labels=zeros(shape, dtype) if out is None else out,
        axes=image.label_axes,
        probabilities=out_probabilities,
        record={"missing_pixels": 0, "notes": _notes(run)},
        uncertainty=zeros(shape, np.float32) if options.uncertainty else None,
    )


def _notes(run: PreparedRun) -> list[str]:
    notes = list(run.image.notes)
    if run.options.channels is None and (note := channel_note(run.image, run.frames[0].channels)):
        notes.append(note)
    return notes


def _writers(run: PreparedRun, result: Segmentation, out_uint8: Any) -> list[Writer]:
    threshold = object_options(run.spec, run.options).foreground
    # classes first: objects take their place once a frame is complete
    writers: list[Writer] = [LabelWriter(result.labels, run.spec, threshold)]
    if result.probabilities is not None:
        writers.append(ProbabilityWriter(result.probabilities))
    if out_uint8 is not None:
        writers.append(Uint8Writer(out_uint8))
    if result.uncertainty is not None:
        writers.append(UncertaintyWriter(result.uncertainty, run.spec))
    if run.objects:
        writers.append(ObjectWriter(result.labels, run))
    return writers


def _check_dtype(out: Any, needed: np.dtype[Any]) -> None:
    given = getattr(out, "dtype", needed)
    if given.itemsize < needed.itemsize:
        raise UserError(
            "`out` is too narrow for the labels",
            value=f"an array of {given}",
            rule=f"These labels need {needed}; larger numbers would be cut off.",
            remedy=f"Make the array with dtype {needed}.",
        )
