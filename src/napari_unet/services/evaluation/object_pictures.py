"""Pictures of hits, misses, extras, merges and splits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from napari_unet.services.evaluation.mistakes import (
    COLOURS,
    EXTRA,
    HIT,
    MERGE,
    MISS,
    NAMES,
    SPLIT,
    in_pixels,
    object_states,
)
from napari_unet.services.evaluation.scores import ObjectsCompared
from napari_unet.services.files.picture import grey, save_png, tint
from napari_unet.services.files.save import check_free

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.evaluation.overlaps import Overlaps
    from napari_unet.core.progress import Job

T = TypeVar("T")
TARGET_SIDE = 768
"""Smaller pictures are enlarged by a whole factor to about this many pixels."""


def save_pictures(job: Job[T], folder: Path, *, overwrite: bool = False) -> Job[T]:
    """Save a picture of each plane or volume that a job compares, as PNG.

    Parameters
    ----------
    job
        `evaluate` or `compare_labels`, for objects.
    folder
        Where they go; created if missing.
    overwrite
        Whether existing files may be replaced.

    Yields
    ------
    Progress
        What the job yields.

    Raises
    ------
    UserError
        When a file exists or can't be written, and whatever the job raises.
    """
    names = Counter[str]()
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if isinstance(step, ObjectsCompared):
            name, picture = draw(step)
            names[name] += 1
            number = f" ({names[name]})" if names[name] > 1 else ""
            path = folder / f"{name}{number}.png"
            check_free(path, overwrite)
            save_png(path, picture)
        yield step


def draw(compared: ObjectsCompared) -> tuple[str, NDArray[np.uint8]]:
    """Draw hits, misses, extras, merges and splits at IoU 0.5.

    Each object has one colour: an object that is part of a merge or split isn't also a miss or an
    extra. Predicted objects are outlined, and true ones that are missed or merged. Of a volume, the
    plane with the most wrong pixels is shown.

    Returns
    -------
    name : str
        Name of the image and position of the plane.
    picture : ndarray
        (Y, X, 3) uint8, with a legend below.
    """
    labels, overlaps = compared.labels, compared.overlaps
    predicted, true = object_states(overlaps)
    prediction = labels.prediction, in_pixels(labels.prediction, overlaps.predicted, predicted)
    truth = labels.truth, in_pixels(labels.truth, overlaps.true, true)
    # true objects first, so that an extra shows where it lies inside a miss
    layers = [*truth, *prediction]
    name, z = labels.title, 0
    if labels.prediction.ndim == 3:
        wrong = (prediction[1] > HIT) | (truth[1] > HIT)
        z = int(wrong.sum(axis=(1, 2)).argmax())
        name, layers = f"{name} Z={z}", [layer[z] for layer in layers]
    shape = layers[0].shape
    raw = np.zeros(shape)
    if labels.frame is not None:
        box = (slice(z, z + 1),) * (labels.prediction.ndim - 2) + tuple(slice(0, n) for n in shape)
        raw = labels.frame.read(box)[0].reshape(shape)
    raw, *layers = (_enlarged(each, max(1, TARGET_SIDE // max(shape))) for each in (raw, *layers))
    picture = grey(raw)
    for objects, states in zip(layers[::2], layers[1::2], strict=True):
        picture = tint(picture, np.where(states > 0, objects, 0), COLOURS[states])
    legend = _legend(_counts(overlaps, predicted, true), picture.shape[1])
    return name.replace("=", ""), np.concatenate([picture, legend])


def _counts(
    overlaps: Overlaps, predicted: NDArray[np.uint8], true: NDArray[np.uint8]
) -> dict[int, int]:
    """Return the number of objects of each state; the parts of a split object count once."""
    hits, extras, merges = (int((predicted == state).sum()) for state in (HIT, EXTRA, MERGE))
    splits = len(np.unique(overlaps.rows[overlaps.splitting]))
    misses = int((true == MISS).sum())
    return {HIT: hits, MISS: misses, EXTRA: extras, MERGE: merges, SPLIT: splits}


def _enlarged(plane: NDArray[Any], factor: int) -> NDArray[Any]:
    return plane.repeat(factor, axis=0).repeat(factor, axis=1)


def _legend(counts: dict[int, int], width: int) -> NDArray[np.uint8]:
    """Write the counts in their colours, in as many lines as the width needs."""
    font, line, square = ImageFont.load_default(16), 26, 14
    entries = [(state, f"{n} {NAMES[state]}") for state, n in counts.items()]
    places, x, y = [], 0, 0
    for _, text in entries:
        entry_width = square + 12 + int(font.getlength(text)) + 12
        if x and x + entry_width > width:
            x, y = 0, y + line
        places.append((x + 6, y + 6))
        x += entry_width
    sheet = Picture.new("RGB", (width, y + line))
    pen = ImageDraw.Draw(sheet)
    for (state, text), (x, y) in zip(entries, places, strict=True):
        red, green, blue = map(int, COLOURS[state])
        pen.rectangle((x, y, x + square, y + square), fill=(red, green, blue))
        pen.text((x + square + 6, y + square / 2), text, font=font, anchor="lm", fill="white")
    return np.asarray(sheet)
