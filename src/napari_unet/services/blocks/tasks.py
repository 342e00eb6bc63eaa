"""The tasks of a run by blocks; those of a stage are independent of each other."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.blocks.divided import BlockReader, DividedTable, divide_part
from napari_unet.core.blocks.grid import common, widened, within
from napari_unet.core.blocks.join import join
from napari_unet.core.blocks.numbers import block_labels, number_objects
from napari_unet.core.blocks.pieces import find_class_pieces, find_pieces
from napari_unet.core.inference.outputs import Outputs, to_labels, to_uint8
from napari_unet.core.inference.rescale import RescaledFrames
from napari_unet.core.objects.find import DISTANCE, MASK_HALO
from napari_unet.core.objects.numbering import object_outputs, object_spacing
from napari_unet.core.progress import Job, Progress
from napari_unet.services.blocks import tables
from napari_unet.services.segmentation.options import object_options

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.blocks.divided import DividedPart
    from napari_unet.core.blocks.join import Joined
    from napari_unet.core.image.axes import Box
    from napari_unet.core.model.object_options import ObjectOptions
    from napari_unet.services.blocks.workspace import Workspace

STAGES = ("outputs", "pieces", "join", "divide", "number", "labels")
"""In order; for classes, the first writes the labels."""

BATCH_PIXELS = 1 << 21
"""Parts are divided in batches whose windows have so many pixels in all."""


def stages(work: Workspace) -> tuple[str, ...]:
    """Return the stages of a run."""
    return STAGES if work.run.objects else STAGES[:1]


def task_count(work: Workspace, stage: str) -> int:
    """Return the number of tasks of a stage; those before are done."""
    match stage:
        case "join":
            return len(work.frames)
        case "number":
            return 1
        case "divide":
            return sum(_batch_counts(work))
    return len(work.frames) * len(work.grid)


def run_task(work: Workspace, stage: str, index: int) -> Job[None]:
    """Run a task of a stage, and mark it as done.

    Yields
    ------
    Progress
        Of the task.
    """
    yield Progress(0, 1, stage)
    match stage:
        case "outputs":
            yield from _outputs(work, index)
        case "pieces":
            _pieces(work, index)
        case "join":
            _join(work, index)
        case "divide":
            _divide(work, index)
        case "number":
            _number(work)
        case "labels":
            _labels(work, index)


def _place(work: Workspace, index: int) -> tuple[int, int, Box]:
    frame, block = divmod(index, len(work.grid))
    return frame, block, work.grid.box(block)


def _options(work: Workspace) -> ObjectOptions:
    return object_options(work.run.spec, work.run.options)


def _outputs(work: Workspace, index: int) -> Job[None]:
    """Run the network over a block."""
    frame, _, box = _place(work, index)
    rescaled = work.run.rescaled
    one = RescaledFrames([rescaled.originals[frame]], [rescaled.frames[frame]])
    whole = len(work.grid) == 1
    run = replace(work.run, frames=one.originals, rescaled=one, box=None if whole else box)
    shape, missing = [s.stop - s.start for s in box], 0
    spec, objects = run.spec, run.objects
    found: NDArray[Any] = np.zeros((spec.config.out_channels, *shape), np.uint8)
    if not objects:
        found = np.zeros(shape, work.labels.dtype)
    for step in run.outputs():
        if isinstance(step, Outputs):
            missing += step.missing
            inner = within(step.write, box)
            if objects:
                found[(slice(None), *inner)] = to_uint8(step.values)
            else:
                found[inner] = to_labels(step.values, spec, _options(work).foreground)
        yield Progress(step.done, step.total, step.note)
    if objects:
        work.outputs[(frame, slice(None), *box)] = found
    else:
        _write(work, frame, box, found)
    work.mark("outputs", index, {"missing": missing})


def _pieces(work: Workspace, index: int) -> None:
    """Label a block alone."""
    frame, block, box = _place(work, index)
    options, spec = _options(work), work.run.spec
    if spec.task == "objects":
        window, _ = widened(box, MASK_HALO, work.grid.shape)
        levels = np.asarray(work.outputs[(frame, slice(None), *window)])
        spacing = object_spacing(work.frames[0])
        found = find_pieces(levels, window, work.grid, block, options, spacing)
    else:
        levels = np.asarray(work.outputs[(frame, slice(None), *box)])
        classes = object_outputs(levels, spec, options)[0]
        found = find_class_pieces(classes, work.grid, block)
    work.pieces[(frame, *box)] = found.pieces
    work.cores[(frame, *box)] = found.cores
    tables.save_pieces(work.path("pieces", index), found.table)


def _join(work: Workspace, frame: int) -> None:
    """Join the blocks of a frame over their faces."""
    n = len(work.grid)
    found = [tables.load_pieces(work.path("pieces", frame * n + i)) for i in range(n)]
    joined = join(found, work.grid)
    contested = joined.contested
    pixels = (joined.high[contested] - joined.low[contested]).prod(axis=1)
    fits = pixels <= work.job.cutting.largest_part
    # neighbours together, so that they read the same chunks
    batches = np.where(fits, np.cumsum(np.where(fits, pixels, 0)) // BATCH_PIXELS, -1)
    _, batches[fits] = np.unique(batches[fits], return_inverse=True)
    tables.save_joined(work.path("join", frame), joined, batches)


def _divide(work: Workspace, index: int) -> None:
    """Divide some parts that lie in several blocks."""
    counts = _batch_counts(work)
    frame = int(np.searchsorted(np.cumsum(counts), index, side="right"))
    batch = index - sum(counts[:frame])
    joined, batches = _joined(work, frame)
    reader = BlockReader(
        work.grid,
        lambda box: np.asarray(work.pieces[(frame, *box)]),
        lambda box: np.asarray(work.cores[(frame, *box)]),
        lambda box: np.asarray(work.outputs[(frame, DISTANCE, *box)]),
    )
    fill = _options(work).fill_holes
    parts = joined.contested[batches == batch].tolist()
    divided = {part: divide_part(joined, part, reader, fill=fill) for part in parts}
    tables.save_divided(work.path("divide", index), divided)


def _number(work: Workspace) -> None:
    """Number the objects of all frames in order."""
    taken, start = 0, 0
    spacing = object_spacing(work.frames[0])
    for frame, count in enumerate(_batch_counts(work)):
        joined, _ = _joined(work, frame)
        divided = DividedTable.of(
            item
            for batch in range(count)
            for item in tables.load_divided(work.path("divide", start + batch)).items()
        )
        numbers = number_objects(joined, divided, _options(work), spacing, taken)
        tables.save_numbers(work.folder / "numbers" / f"{frame}.npz", numbers)
        taken, start = taken + numbers.n, start + count
    work.mark("number", 0, {"objects": taken})


def _labels(work: Workspace, index: int) -> None:
    """Write the labels of a block."""
    frame, block, box = _place(work, index)
    joined, batches = _joined(work, frame)
    first = sum(_batch_counts(work)[:frame])
    near = [
        common(joined.box(part), box) is not None if batch >= 0 else False
        for part, batch in zip(joined.contested.tolist(), batches.tolist(), strict=True)
    ]
    divided: dict[int, DividedPart] = {}
    for batch in np.unique(batches[np.array(near, bool)]).tolist():
        divided |= _divided(work, first + batch)
    labels = block_labels(
        np.asarray(work.pieces[(frame, *box)]),
        work.grid,
        block,
        joined,
        _numbers(work, frame),
        divided.items(),
        fill=_options(work).fill_holes,
    )
    _write(work, frame, box, labels)
    work.mark("labels", index)


def _write(work: Workspace, frame: int, box: Box, values: NDArray[Any]) -> None:
    key, order = work.frames[frame].label_index(box)
    work.labels[key] = values.transpose(order)


@lru_cache(maxsize=2)
def _joined(work: Workspace, frame: int) -> tuple[Joined, NDArray[np.int64]]:
    return tables.load_joined(work.path("join", frame))


@lru_cache(maxsize=2)
def _numbers(work: Workspace, frame: int) -> Any:
    return tables.load_numbers(work.folder / "numbers" / f"{frame}.npz")


@lru_cache(maxsize=4)
def _divided(work: Workspace, index: int) -> dict[int, DividedPart]:
    return tables.load_divided(work.path("divide", index))


@lru_cache(maxsize=1)
def _batch_counts(work: Workspace) -> list[int]:
    """Return the number of batches of parts of each frame."""
    found = []
    for frame in range(len(work.frames)):
        _, batches = _joined(work, frame)
        found.append(int(batches.max(initial=-1)) + 1)
    return found


def too_large(work: Workspace) -> list[tuple[int, Box]]:
    """Return frame and window of the parts that were too large to be divided."""
    found = []
    for frame in range(len(work.frames)):
        joined, batches = _joined(work, frame)
        found += [(frame, joined.box(part)) for part in joined.contested[batches < 0].tolist()]
    return found
