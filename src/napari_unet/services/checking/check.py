"""Checks images and labels before they are learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.meaning import understand
from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import frames
from napari_unet.core.progress import Progress
from napari_unet.services.checking.agreement import better_position, better_zoom, look
from napari_unet.services.checking.alike import Seen, duplicates, exchanged, odd_scales
from napari_unet.services.checking.finding import Finding, Place
from napari_unet.services.checking.network import check_with
from napari_unet.services.checking.objects import faults_of
from napari_unet.services.files.pairs import FilePairs
from napari_unet.services.training.annotation_files import read_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation, Kind
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job

MAX_PLANES = 8
"""So many labelled planes of an image are compared with their labels, spread evenly."""


def check_files(
    pairs: FilePairs, kind: Kind, model: Model | None = None, **how: Any
) -> Job[list[Finding]]:
    """Check images and labels in files; those that can't be read are findings, too.

    Parameters
    ----------
    pairs
        The files.
    kind, how
        As for `read_pairs`.
    model
        A network for such images, which finds objects that are missing or several; None: none.

    Yields
    ------
    Progress
        In units of images.

    Returns
    -------
    list of Finding
        In the order of the images.
    """
    findings: list[Finding] = []
    annotations: list[Annotation] = []
    numbers: list[int] = []
    for number, pair in enumerate(pairs.pairs):
        yield Progress(number, 2 * len(pairs.pairs), f"Reading {pair[0].name}")
        try:
            (annotation,) = read_pairs(FilePairs((pair,)), kind, **how)
        except UserError as error:
            message = f"{error.problem}{error.cause}"
            findings.append(Finding("unreadable", number, pair[1].name, message))
        else:
            annotations.append(annotation)
            numbers.append(number)
    findings += yield from check(annotations, numbers)
    if model is not None:
        findings += yield from check_with(annotations, model, numbers)
    return sorted(findings, key=lambda each: each.pair)


def check(
    annotations: Sequence[Annotation],
    numbers: Sequence[int] | None = None,
    *,
    foreign: Sequence[bool] | None = None,
) -> Job[list[Finding]]:
    """Look for faults in annotations: labels that lie elsewhere, images given twice, wrong numbers.

    Parameters
    ----------
    annotations
        Images and their labels.
    numbers
        Their numbers in findings; None: from 0.
    foreign
        Whether each comes from elsewhere, so that it may lie wrongly; None: all do.

    Yields
    ------
    Progress
        In units of images.

    Returns
    -------
    list of Finding
        In the order of the images.
    """
    numbers = range(len(annotations)) if numbers is None else numbers
    survey = _Survey([a.name for a in annotations], numbers)
    for i, given in enumerate(annotations):
        yield Progress(len(annotations) + i, 2 * len(annotations), f"Checking {given.name}")
        annotation = yield from understand(given)
        survey.add(i, annotation, foreign is None or foreign[i])
    survey.compare()
    return sorted(survey.findings, key=lambda each: each.pair)


class _Survey:
    """What is seen of the images, and found."""

    def __init__(self, names: Sequence[str], numbers: Sequence[int]) -> None:
        self._names, self._numbers = names, numbers
        self._seen: list[Seen] = []
        self._diameters: dict[int, float] = {}
        self._apart: list[Finding] = []
        self.findings: list[Finding] = []

    def add(self, i: int, annotation: Annotation, foreign: bool) -> None:
        """Look at an image and its labels, and at how they lie if they come from elsewhere."""
        for note in annotation.notes if foreign else ():
            self._tell("meaning", i, note.removeprefix(f"{annotation.name}: "))
        if annotation.kind == "objects":
            self._check_numbers(i, annotation)
        if annotation.kind != "scribbles" and foreign:
            self._check_places(i, annotation)

    def compare(self) -> None:
        """Compare the images with each other."""
        swapped = exchanged(self._seen)
        for i, j in sorted(swapped.items()):
            other = self._names[j]
            self._tell("swapped", i, f"its image agrees with {other} rather than with these labels")
        # labels of another image can't be explained by a shift
        self.findings += [
            each for each in self._apart if each.pair not in {self._numbers[i] for i in swapped}
        ]
        for i, j in duplicates(self._seen):
            message = (
                f"its image is that of {self._names[j]}: what is held out of one would be learnt"
            )
            self._tell("duplicate", i, message)
        for i, factor in odd_scales(self._diameters).items():
            size = (
                f"{factor:.1f} times as large" if factor > 1 else f"{1 / factor:.1f} times smaller"
            )
            self._tell("other scale", i, f"its objects are {size} than those of the other images")

    def _check_numbers(self, i: int, annotation: Annotation) -> None:
        areas = []
        for labels, index in _volumes(annotation):
            for fault, message, place in faults_of(labels, index):
                self._tell(fault, i, message, place)
            sizes = np.unique(labels[labels > 0], return_counts=True)[1]
            areas.append(sizes ** (1 / labels.ndim))
        if areas:
            self._diameters[i] = float(np.median(np.concatenate(areas)))

    def _check_places(self, i: int, annotation: Annotation) -> None:
        planes = list(_labelled_planes(annotation))
        for frame, labels in planes:
            pixels = np.asarray(frame.read(tuple(slice(0, n) for n in frame.shape))[0])
            pixels = np.where(np.isfinite(pixels), pixels, 0)
            whole = Place((0, frame.shape[0]), (0, frame.shape[1]), frame.index)
            if pixels.min() == pixels.max():
                self._tell(
                    "constant image", i, f"all pixels of its image are {pixels.flat[0]}", whole
                )
                continue
            if not labels.any():
                continue
            seen = look(pixels, labels)
            self._seen.append(Seen(i, frame.shape, seen))
            self._compare_position(i, seen, whole)
        if not any(labels.any() for _, labels in planes) and not annotation.notes:
            self._tell("empty", i, "no label at all")

    def _compare_position(self, i: int, seen: Any, whole: Place) -> None:
        better = better_position(seen)
        zoom = better_zoom(seen)
        if better is not None and not (zoom and not better.turn):
            self._apart.append(self._finding("turned" if better.turn else "shifted", i, "", whole))
            y, x = better.shift
            words = [better.turn] if better.turn else []
            if (y or x) and not better.turn:
                words.append(f"shifted by {-y} pixels along Y and {-x} along X")
            message = (
                f"the labels seem {' and '.join(words)} against their image (correlation "
                f"{better.before:.2f}, {better.after:.2f} without)"
            )
            self._apart[-1] = self._finding(
                "turned" if better.turn else "shifted", i, message, whole
            )
        elif zoom is not None:
            message = (
                f"the labels seem to be of another scale, {1 / zoom:g} times that of their image"
            )
            self._apart.append(self._finding("scaled", i, message, whole))

    def _tell(self, fault: Any, i: int, message: str, place: Place | None = None) -> None:
        self.findings.append(self._finding(fault, i, message, place))

    def _finding(self, fault: Any, i: int, message: str, place: Place | None) -> Finding:
        return Finding(fault, self._numbers[i], self._names[i], message, place)


def _volumes(annotation: Annotation) -> Iterator[tuple[NDArray[Any], dict[str, int]]]:
    """Return each labelled plane or volume, (Y, X) or (Z, Y, X), and its position."""
    image = annotation.image
    axes = image.label_axes
    loops = [a for a in axes if a not in "ZYX"]
    for position in np.ndindex(*(image.sizes[a] for a in loops)):
        at = dict(zip(loops, position, strict=True))
        labels = np.asarray(annotation.paint[tuple(at.get(a, slice(None)) for a in axes)])
        kept = [a for a in axes if a not in at]
        labels = labels.transpose([kept.index(a) for a in "ZYX" if a in kept])
        if annotation.unlabelled is not None:
            labels = np.where(labels == annotation.unlabelled, 0, labels)
        if labels.any():
            yield labels, at


def _labelled_planes(annotation: Annotation) -> Iterator[tuple[Frame, NDArray[Any]]]:
    """Return some planes with labels, spread evenly, or the first one if there are none."""
    planes = frames(annotation.image, "YX", (0,))
    labelled = []
    for frame in planes:
        labels = annotation.read(frame, tuple(slice(0, n) for n in frame.shape))
        if annotation.unlabelled is not None:
            labels = np.where(labels == annotation.unlabelled, 0, labels)
        if labels.any() or len(planes) == 1:
            labelled.append((frame, labels))
    chosen = np.unique(np.linspace(0, len(labelled) - 1, MAX_PLANES).round().astype(int))
    return iter([labelled[i] for i in chosen] if labelled else [])
