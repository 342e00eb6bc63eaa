"""Derive labels again from a file of probabilities, without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import frames
from napari_unet.core.inference.outputs import to_uint8
from napari_unet.core.progress import Job, Progress, as_part
from napari_unet.services.files.images import open_image
from napari_unet.services.files.provenance import new_record
from napari_unet.services.files.save import check_output, save_labels
from napari_unet.services.segmentation.cached_outputs import CachedOutputs, check_memory
from napari_unet.services.segmentation.relabel import can_relabel, relabel
from napari_unet.services.segmentation.writers import write_channels

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.segmentation.options import SegmentOptions


def relabel_file(
    source: Path,
    target: Path,
    spec: ModelSpec,
    options: SegmentOptions,
    *,
    axes: str | None = None,
    overwrite: bool = False,
    model_source: str = "",
) -> Job[int]:
    """Write the labels that the model would give with other settings.

    Parameters
    ----------
    source
        TIFF of probabilities as `segment_files` writes it.
    target
        Where the labels go.
    spec
        Description of the model that gave them.
    options
        As for `relabel`.
    axes
        Axes of the file where its own are wrong.
    overwrite
        Whether an existing file may be replaced.
    model_source
        What the model was loaded from, for the record in the file.

    Yields
    ------
    Progress
        After each plane or volume.

    Returns
    -------
    int
        The highest label.

    Raises
    ------
    UserError
        When a file can't be read or written, holds something else, or no setting has an effect.
    """
    check_output(target, overwrite)
    if target.resolve() == source.resolve():
        raise UserError(
            "Labels can't replace the probabilities that they are made from",
            value=target,
            rule="Input and output are two files.",
            remedy="Choose another name for the labels.",
        )
    if not can_relabel(spec, options):
        raise UserError(
            f"No setting changes the classes of {spec.name!r}",
            value="classes that exclude each other",
            rule="The most probable class is taken, so that thresholds have no effect.",
            remedy="Ask for objects by `objects=True`, or keep the labels as they are.",
        )
    outputs = yield from as_part(_read(source, spec, axes), 0, 2)
    labels = yield from as_part(relabel(outputs, options), 1, 2)
    record = new_record(
        "relabel",
        "labels",
        {"probabilities": source},
        model={"name": spec.name, "source": model_source, "sha256": ""},
        options=options.model_dump(mode="json", exclude_defaults=True),
        **({} if axes is None else {"axes": axes}),
    )
    save_labels(target, labels, outputs.image, overwrite=overwrite, made_by=record)
    return int(labels.max(initial=0))


def _read(source: Path, spec: ModelSpec, axes: str | None) -> Job[CachedOutputs]:
    image = open_image(source, axes)
    n, dtype = spec.config.out_channels, np.dtype(image.data.dtype)
    names_fit = image.channel_names in ((), spec.classes)
    if image.n_channels != n or dtype.kind != "f" or not names_fit:
        names = f" ({', '.join(image.channel_names)})" if image.channel_names else ""
        raise _not_outputs(source, spec, f"{image.n_channels} channel(s){names} of {dtype}")
    check_memory(image, spec)
    cached = CachedOutputs.empty(image, spec)
    every = frames(image, spec.axes, range(n))
    for i, frame in enumerate(every):
        yield Progress(i, len(every), frame.title)
        box = tuple(slice(0, side) for side in frame.shape)
        values = frame.read(box)
        if values.min() < 0 or values.max() > 1:
            value_range = f"values from {values.min():g} to {values.max():g}"
            raise _not_outputs(source, spec, value_range)
        write_channels(cached.probabilities, frame, box, to_uint8(values))
    return cached


def _not_outputs(source: Path, spec: ModelSpec, value: str) -> UserError:
    return UserError(
        f"{source.name} does not hold probabilities from {spec.name!r}",
        value=value,
        rule=f"Probabilities lie between 0 and 1, with a channel each for {', '.join(spec.classes)}.",
        remedy="Take the file that “segment --probabilities” wrote with this model.",
    )
