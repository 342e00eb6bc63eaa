"""The pixels of what is held out: chosen strokes and objects, as they were when chosen or since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import edt
import numpy as np

from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.changes import removed_pieces
from napari_unet.core.annotations.strokes import plane_pieces
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import PlaneKey, Truth

    Held = Sequence[Mapping[PlaneKey, BitMask]]

NOTE = "Choosing the validation set"


def strokes_since(truths: Sequence[Truth], learnt: Sequence[Truth]) -> Job[list[set[int]]]:
    """Return the strokes and objects of each annotation of which no pixel was learnt."""
    since: list[set[int]] = []
    for truth, before in zip(truths, _earlier_truths(truths, learnt), strict=True):
        known: set[int] = set()
        for key, numbers in truth.strokes.pieces.items():
            if before is not None and key in before.applies:
                numbered, _ = plane_pieces(truth, key)
                known.update(numbers[np.unique(numbered[_learnt_pixels(before, key)])].tolist())
            yield Progress(0, 1, NOTE)
        since.append(set(range(len(truth.strokes.sizes))) - known)
    return since


def strokes_touching(truth: Truth, held: Mapping[PlaneKey, BitMask]) -> set[int]:
    """Return the strokes and objects of an annotation with a pixel in these masks."""
    touching: set[int] = set()
    for key, mask in held.items():
        if key in truth.strokes.pieces:
            numbered, _ = plane_pieces(truth, key)
            touched = np.unique(numbered[mask.window(*truth.annotation.whole(key)[1])])
            touching.update(truth.strokes.pieces[key][touched].tolist())
    # what is no piece has number -1
    return touching - {-1}


def stroke_masks(
    truths: Sequence[Truth], strokes: Sequence[set[int]], learnt: Sequence[Truth] = ()
) -> Job[list[dict[PlaneKey, BitMask]]]:
    """Return the pixels of some strokes or objects, with the background nearest to them.

    Parameters
    ----------
    truths
        The annotations.
    strokes
        The numbers of the strokes or objects of each; those of what was removed follow these.
    learnt
        Earlier annotations of the same images, whose pixels are left out.
    """
    masks: list[dict[PlaneKey, BitMask]] = []
    total = sum(
        len(truth.strokes.pieces) for truth, wanted in zip(truths, strokes, strict=True) if wanted
    )
    done = 0
    earlier = _earlier_truths(truths, learnt)
    for truth, wanted, before in zip(truths, strokes, earlier, strict=True):
        masks.append({})
        n = len(truth.strokes.sizes)
        # one more, for what is no piece and has number -1
        flags, flags_removed = np.zeros(n + 1, bool), np.zeros(len(truth.removed.sizes) + 1, bool)
        flags[[i for i in wanted if i < n]] = True
        flags_removed[[i - n for i in wanted if i >= n]] = True
        for key, numbers in truth.strokes.pieces.items() if wanted else ():
            removed = flags_removed[truth.removed.pieces.get(key, np.array([-1]))]
            if flags[numbers].any() or removed.any():
                mask = _plane_mask(truth, key, flags[numbers], removed)
                if before is not None and key in before.applies:
                    mask &= ~_learnt_pixels(before, key)
                masks[-1][key] = BitMask.of(mask)
            done += 1
            yield Progress(done, total, NOTE)
    return masks


def add_masks(held: dict[PlaneKey, BitMask], others: Mapping[PlaneKey, BitMask]) -> None:
    """Add the pixels of other masks, plane by plane."""
    for key, mask in others.items():
        held[key] = BitMask.union([held.get(key, BitMask.none()), mask])


def _plane_mask(
    truth: Truth, key: PlaneKey, wanted: NDArray[np.bool_], removed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the pixels of the wanted pieces of a plane, with the background nearest to them.

    Parameters
    ----------
    truth, key
        The annotation, and the plane.
    wanted, removed
        Which of its pieces, and of its removed pieces.
    """
    numbered, inside = plane_pieces(truth, key)
    mask: NDArray[np.bool_] = wanted[numbered]
    if truth.annotation.kind != "scribbles":
        pieces = numbered > 0
        if len(removed) > 1:
            gone = removed_pieces(truth, key)
            mask |= removed[gone]
            pieces |= gone > 0
        others = pieces & ~mask
        nearer = edt.edt(~mask) < edt.edt(~others)
        mask |= inside & ~pieces & nearer
    return mask


def _earlier_truths(truths: Sequence[Truth], learnt: Sequence[Truth]) -> list[Truth | None]:
    """Return each annotation as it was earlier; None if it was not among them."""
    shapes = [truth.annotation.image.label_shape for truth in learnt]
    return [
        learnt[i] if i < len(learnt) and truth.annotation.image.label_shape == shapes[i] else None
        for i, truth in enumerate(truths)
    ]


def _learnt_pixels(before: Truth, key: PlaneKey) -> NDArray[np.bool_]:
    """Return the learnt pixels of a plane, (Y, X); of objects and classes with the background."""
    frame, box = before.annotation.whole(key)
    return before.labels(frame, box) >= 0
