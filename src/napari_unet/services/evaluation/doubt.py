"""Which objects of a result, and which annotations, a person should look at first."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.inspection import AnnotatedAreas
from napari_unet.core.evaluation.disagreement import Disagreement, disagreement
from napari_unet.core.evaluation.doubt import ObjectSigns, doubts, object_signs
from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.image.frames import frames
from napari_unet.core.objects.numbering import number, object_outputs, object_spacing
from napari_unet.core.progress import Job, Progress
from napari_unet.services.segmentation.options import SegmentOptions, object_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Lazy
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.objects.measure import Columns
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs

Known = tuple[int, ObjectSigns]


@dataclass(frozen=True, eq=False)
class Doubts:
    """Objects, the most doubtful first.

    Attributes
    ----------
    columns
        A row for each object: ``label``; the place along each axis looped over, such as ``t``;
        ``centroid_z_px`` and so on; ``pixels``; ``equivalent_diameter_px``; ``doubt`` from 0 to 1,
        or ``disagreement``, 0 and above; and ``why``, in words. In a list of suspect
        annotations, label 0 stands for an object that the network finds and that is not annotated.
    signs
        What is known of each plane or volume, so that after an edit only changed ones are looked at.
    """

    columns: Columns
    signs: Mapping[int, Known] = field(default_factory=dict)


def doubt_objects(outputs: CachedOutputs, labels: Lazy, known: Doubts | None = None) -> Job[Doubts]:
    """List the objects of a result, the most doubtful first.

    Parameters
    ----------
    outputs
        The network's outputs for the image.
    labels
        The objects, with the label axes of the image.
    known
        An earlier list of the same image: planes or volumes that are as they were are not looked at
        again.

    Yields
    ------
    Progress
        After each plane or volume.

    Raises
    ------
    UserError
        When labels don't fit the image.
    """
    image, spec = outputs.image, outputs.spec
    check_alignment(image, labels, {}, {}, f"labels of {image.name}")
    signs: dict[int, Known] = {}
    before = {} if known is None else known.signs
    every = frames(image, spec.axes, ())
    for i, frame in enumerate(every):
        yield Progress(i, len(every), frame.title)
        here = _read(labels, frame)
        checksum = zlib.crc32(np.ascontiguousarray(here).data)
        kept = before.get(i)
        if kept is None or kept[0] != checksum:
            found = object_signs(here, outputs.read(frame), spec, object_spacing(frame))
            kept = checksum, found
        signs[i] = kept
    found_signs = [each for _, each in signs.values()]
    doubt, why = doubts(found_signs)
    columns = _table(every, [(s.numbers, s.pixels, s.centres) for s in found_signs])
    return Doubts(_ordered(columns | {"doubt": doubt, "why": np.array(why, str)}, "doubt"), signs)


def suspect_annotations(
    outputs: CachedOutputs, annotation: Annotation, options: SegmentOptions | None = None
) -> Job[Doubts]:
    """List annotated objects, those first of which the network disagrees most.

    Parameters
    ----------
    outputs
        The network's outputs for the image of the annotation.
    annotation
        Objects; those outside of where it applies are left out.
    options
        How the network's own objects are found; None: the defaults.

    Yields
    ------
    Progress
        In units of planes or volumes.

    Raises
    ------
    UserError
        When labels don't fit the image.
    """
    image, spec = outputs.image, outputs.spec
    check_alignment(image, annotation.paint, {}, {}, annotation.name)
    every, areas = frames(image, spec.axes, ()), AnnotatedAreas(annotation)
    settings = object_options(spec, options or SegmentOptions())
    compared: list[Disagreement] = []
    for i, frame in enumerate(every):
        known = _applies(areas, annotation, frame)
        labels = _read(annotation.paint, frame)
        values = outputs.read(frame)
        found = number(
            object_outputs(values, spec, settings), spec, settings, object_spacing(frame)
        )
        maps = values[:2] if spec.task == "objects" else _foreground(values, spec.activation)
        job = disagreement(labels, found, maps, known)
        try:
            while True:
                step = next(job)
                yield Progress(i + step.fraction, len(every), frame.title)
        except StopIteration as stop:
            compared.append(_inside(stop.value, np.unique(labels[known])))
    columns = _table(every, [(c.numbers, c.pixels, c.centres) for c in compared])
    columns["disagreement"] = np.concatenate([c.values for c in compared])
    columns["why"] = np.array([words for c in compared for words in c.why], str)
    return Doubts(_ordered(columns, "disagreement"))


def _read(labels: Lazy, frame: Frame) -> NDArray[Any]:
    key, order = frame.label_index(tuple(slice(0, n) for n in frame.shape))
    # a copy, as labels may be painted on meanwhile
    return np.array(labels[key]).transpose(np.argsort(order))


def _applies(areas: AnnotatedAreas, annotation: Annotation, frame: Frame) -> NDArray[np.bool_]:
    """Return where an annotation applies, plane by plane of a volume; unpainted planes are unknown."""
    if frame.spatial == "YX":
        planes = [areas.mask(frame.index)]
    else:
        planes = [areas.mask({**frame.index, "Z": z}) for z in range(frame.shape[0])]
    rows, columns = (slice(0, n) for n in frame.shape[-2:])
    known = [
        mask.window(rows, columns) if mask else np.zeros(frame.shape[-2:], bool) for mask in planes
    ]
    applies = np.stack(known) if frame.spatial == "ZYX" else known[0]
    if not annotation.regions and not _read(annotation.paint, frame).any():
        applies[:] = False
    return applies


def _inside(compared: Disagreement, numbers: NDArray[Any]) -> Disagreement:
    """Leave out the objects that lie wholly where the annotation does not apply."""
    kept = (compared.numbers == 0) | np.isin(compared.numbers, numbers)
    why = [words for words, here in zip(compared.why, kept, strict=True) if here]
    numbers, centres = compared.numbers[kept], compared.centres[kept]
    return Disagreement(numbers, centres, compared.pixels[kept], compared.values[kept], why)


def _foreground(values: NDArray[np.uint8], activation: str) -> NDArray[np.uint8]:
    """Return how likely each pixel is any class."""
    return 255 - values[:1] if activation == "softmax" else values.max(axis=0, keepdims=True)


def _table(
    every: Sequence[Frame], objects: Sequence[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]
) -> Columns:
    counts = [len(numbers) for numbers, _, _ in objects]
    columns: Columns = {"label": np.concatenate([numbers for numbers, _, _ in objects])}
    for axis in every[0].index:
        columns[axis.lower()] = np.repeat([frame.index[axis] for frame in every], counts)
    centres = np.concatenate([where for _, _, where in objects])
    for i, axis in enumerate(every[0].spatial):
        columns[f"centroid_{axis.lower()}_px"] = centres[:, i]
    columns["pixels"] = pixels = np.concatenate([pixels for _, pixels, _ in objects])
    ball = {2: 4 / np.pi, 3: 6 / np.pi}[centres.shape[1]]
    columns["equivalent_diameter_px"] = (ball * pixels) ** (1 / centres.shape[1])
    return columns


def _ordered(columns: Columns, by: str) -> Columns:
    order = np.argsort(-columns[by], kind="stable")
    return {name: values[order] for name, values in columns.items()}
