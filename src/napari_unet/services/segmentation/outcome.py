"""What a segmentation found is counted as it goes, and told where it can hardly be right."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.suitability.appearance import appearance_of
from napari_unet.core.suitability.match import misfits
from napari_unet.core.suitability.outcome import Found, doubted, may_be_doubted
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import object_options
from napari_unet.services.suggestions import better_network, describe_misfit, suggest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.inference.outputs import Outputs
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.suitability.outcome import Subject
    from napari_unet.services.segmentation.prepare import PreparedRun

EVERY = 2
"""Every second pixel along each axis of a plane says enough of all of them."""
PIECE = 1 << 22
"""Pixels of objects that are counted at once."""


class OutcomeTally:
    """Counts what a run finds.

    Parameters
    ----------
    run
        The run, at a scale that is known.
    """

    def __init__(self, run: PreparedRun) -> None:
        self._run = run
        self._histogram = np.zeros(256, np.int64)
        self._areas: list[NDArray[np.int64]] = []

    def add(self, outputs: Outputs) -> None:
        """Count the outputs of a window."""
        self._histogram += np.bincount(_foreground(outputs.values, self._run.spec), minlength=256)

    def add_objects(self, labels: NDArray[np.uint32]) -> None:
        """Count the objects of a plane or volume."""
        flat, highest = labels.reshape(-1), int(labels.max(initial=0))
        if not highest:
            return
        lowest = int(flat.min(initial=highest, where=flat > 0))
        counts = np.zeros(highest - lowest + 2, np.int64)
        for start in range(0, flat.size, PIECE):
            piece = flat[start : start + PIECE].astype(np.int64)
            # background becomes 0, the first object 1
            np.subtract(piece, lowest - 1, out=piece, where=piece > 0)
            counts += np.bincount(piece, minlength=len(counts))
        self._areas.append(counts[1:][counts[1:] > 0])

    def told(self) -> str:
        """Say what speaks against the result, with the better choice; empty: nothing."""
        run = self._run
        if run.region is not None or run.spec.activation == "none":
            return ""
        found = self._found()
        if not may_be_doubted(found):
            return ""
        image = appearance_of(run.image)
        against = misfits(run.spec, image)
        another_kind = any(misfit.subject == "kind" for misfit in against)
        subject = doubted(found, prod(run.image.label_shape), misfits=another_kind)
        if subject is None:
            return ""
        says, otherwise = _words(subject, found, run.spec)
        entries = suggest(Library().entries(), image)
        better = better_network(entries, against)
        why = describe_misfit(entries, run.spec.name, against)
        return " ".join(filter(None, (says, why, "" if better else otherwise)))

    def _found(self) -> Found:
        run = self._run
        softmax = run.spec.activation == "softmax"
        threshold = 0.5 if softmax else object_options(run.spec, run.options).foreground
        if not run.objects:
            return Found(self._histogram, threshold)
        areas = np.concatenate(self._areas) if self._areas else np.zeros(0, np.int64)
        frame = run.frames[0]
        spacing = np.asarray(run.image.spacing(frame.spatial))
        # in pixels along X
        volumes = areas * prod(spacing / spacing[-1])
        planes = len(spacing) == 2
        diameters = 2 * np.sqrt(volumes / np.pi) if planes else np.cbrt(6 * volumes / np.pi)
        largest = areas.max(initial=0) / max(prod(frame.shape), 1)
        return Found(self._histogram, threshold, diameters, float(largest), self._expected())

    def _expected(self) -> float | None:
        run = self._run
        if run.size.diameter is not None or run.spec.diameter is None:
            return run.size.diameter
        factor = run.size.factors[-1] if run.size.factors else 1.0
        return run.spec.diameter / factor


def _foreground(values: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.uint8]:
    """Return the probability of the foreground of some pixels, as bytes."""
    values = values[..., ::EVERY, ::EVERY]
    if spec.activation == "softmax":
        shown = 1 - values[0]
    elif spec.task == "objects":
        shown = values[0]
    else:
        shown = values.max(axis=0)
    scaled = np.clip(np.nan_to_num(shown), 0, 1) * 255 + 0.5
    rounded: NDArray[np.uint8] = scaled.astype(np.uint8).ravel()
    return rounded


def _words(subject: Subject, found: Found, spec: ModelSpec) -> tuple[str, str]:
    """Return what speaks against a result, and what to do where no other network suits better."""
    n = 0 if found.diameters is None else len(found.diameters)
    clear, expected = 1 - found.unsure, found.expected or 0.0
    return {
        "nothing": (
            "No objects found.",
            "Another U-Net, or another `diameter`, may suit the image better.",
        ),
        "too much": (
            f"Far too much found: {found.foreground:.0%} of all pixels.",
            "Correct a part, and tune the U-Net on that.",
        ),
        "one object": (
            f"One object covers {found.largest:.0%} of the image.",
            "If it is several, set their `diameter`, or correct a part and tune the U-Net on that.",
        ),
        "specks": (
            f"{round(found.specks * n):,} of {n:,} objects are specks, not a quarter as wide as the "
            f"{expected:.3g} pixels that “{spec.name}” expects.",
            "Raise the size of the smallest object, or set the `diameter`.",
        ),
        "unsure": (
            f"“{spec.name}” is unsure nearly everywhere: of what may be foreground, only {clear:.0%} "
            "is clear to it.",
            "Correct a part, and tune it on that.",
        ),
        "another kind": ("", ""),
    }[subject]
