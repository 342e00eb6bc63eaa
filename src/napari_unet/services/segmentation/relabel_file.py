"""Find labels again in probabilities that were written to a file, without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import frames
from napari_unet.core.inference.outputs import to_uint8
from napari_unet.core.progress import Job, Progress, as_part
from napari_unet.services.files.images import open_image
from napari_unet.services.files.save import check_output, save_labels
from napari_unet.services.segmentation.cached_outputs import CachedOutputs, check_room, make_cache
from napari_unet.services.segmentation.relabel import can_relabel, relabel

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
) -> Job[int]:
    """Write the labels that the network would give with other settings.

    Parameters
    ----------
    source
        TIFF of probabilities, as `segment_files` writes it.
    target
        Where the labels go.
    spec
        The description of the model whose probabilities they are.
    options
        As for `relabel`.
    axes
        Axes of the probabilities where the file's own are wrong.
    overwrite
        Whether an existing file may be replaced.

    Yields
    ------
    Progress
        Plane by plane.

    Returns
    -------
    int
        The highest label.

    Raises
    ------
    UserError
        When a file can't be read or written, it holds something else, or nothing would change.
    """
    check_output(target, overwrite)
    if not can_relabel(spec, options):
        raise UserError(
            f"No setting changes the classes of {spec.name!r}",
            value="classes that exclude each other",
            rule="Of these the most probable one is taken; thresholds have no effect.",
            remedy="Ask for objects (--objects), or take the labels as they are.",
        )
    maps = yield from as_part(_read(source, spec, axes), 0, 2)
    labels = yield from as_part(relabel(maps, options), 1, 2)
    save_labels(target, labels, maps.image, overwrite=overwrite)
    return int(labels.max(initial=0))


def _read(source: Path, spec: ModelSpec, axes: str | None) -> Job[CachedOutputs]:
    image = open_image(source, axes)
    wanted, dtype = spec.config.out_channels, np.dtype(image.data.dtype)
    named = image.channel_names in ((), spec.classes)
    if image.n_channels != wanted or dtype.kind != "f" or not named:
        names = f" ({', '.join(image.channel_names)})" if image.channel_names else ""
        raise _foreign(source, spec, f"{image.n_channels} channel(s){names} of {dtype}")
    check_room(image, spec)
    levels = make_cache(image, spec)
    cut = frames(image, spec.axes, range(wanted))
    for i, frame in enumerate(cut):
        yield Progress(i, len(cut), frame.title)
        box = tuple(slice(0, n) for n in frame.shape)
        values = frame.read(box)
        if values.min() < 0 or values.max() > 1:
            raise _foreign(source, spec, f"values from {values.min():g} to {values.max():g}")
        key, order = frame.label_index(box)
        levels[(slice(None), *key)] = to_uint8(values).transpose(0, *(a + 1 for a in order))
    return CachedOutputs(image, spec, levels)


def _foreign(source: Path, spec: ModelSpec, met: str) -> UserError:
    return UserError(
        f"{source.name} does not hold what {spec.name!r} says of an image",
        value=met,
        rule=f"Probabilities lie between 0 and 1, with a channel each for {', '.join(spec.classes)}.",
        remedy="Take what “segment --probabilities” wrote with this model.",
    )
