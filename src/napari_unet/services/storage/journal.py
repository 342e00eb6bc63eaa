"""The journal of a labels layer: its paint, written to the disk soon after each stroke."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.journal.blocks import Blocks
from napari_unet.core.journal.records import (
    PaintNote,
    Replay,
    note_record,
    pixel_record,
    replay,
    start_of_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

SWEEP_S = 0.1
"""Time spent in one update on comparing pixels that no stroke is known to have touched."""
COMPACT_FACTOR = 2
"""A journal is rewritten once it has grown by this factor since the last time,"""
COMPACT_BYTES = 1 << 16
"""unless it is smaller than this."""

Changes = tuple["NDArray[np.int64]", "NDArray[Any]"]


class Journal:
    """Finds what has changed in an array of labels, and appends it to a file.

    It compares the array with a copy of what the file holds, so that it doesn't matter how the labels
    were changed. The copy takes as much address space as the labels, but no memory where nothing was
    ever painted. Comparing takes a temporary byte for each pixel of a block.

    Parameters
    ----------
    path
        The file; created, with its folder, when there is something to write. A journal of an earlier
        process is continued after `read`, else replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note: PaintNote | None = None
        self._known = np.zeros((0, 0), np.uint8)
        self._blocks = Blocks((0, 0))
        self._end = 0
        self._compact = 0
        self._unswept = 0
        self._next = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is painted, as of the last update."""
        return not self._known.any()

    def read(self) -> Replay:
        """Read the journal of an earlier process, and continue it.

        Raises
        ------
        UserError
            When the file can't be used.
        """
        replayed = replay(self.path)
        self._begin(replayed.note, replayed.paint.copy())
        self._note, self._end, self._compact = replayed.note, replayed.end, replayed.end
        return replayed

    def update(
        self,
        note: PaintNote,
        labels: NDArray[Any],
        touched: Iterable[int] = (),
        *,
        sweep: bool = False,
        seconds: float = SWEEP_S,
    ) -> bool:
        """Write down what has changed. It may run in any thread, while the labels are painted on.

        Parameters
        ----------
        note
            Description of the paint.
        labels
            The labels as they are now.
        touched
            Numbers of the `Blocks` that are known to have been painted on.
        sweep
            Whether other blocks may have changed, too: all are compared, some in each update.
        seconds
            Time to spend on that in this update.

        Returns
        -------
        bool
            Whether blocks are left to compare in further updates.

        Raises
        ------
        UserError
            When the file can't be written; the changes are found again in the next sweep.
        """
        if (self._known.shape, self._known.dtype) != (labels.shape, labels.dtype):
            self._begin(note, np.zeros_like(labels, order="C", subok=False))
            sweep = True
        if sweep:
            self._unswept = len(self._blocks)
        changes = {block: self._compare(labels, block) for block in touched}
        deadline = time.perf_counter() + seconds
        while self._unswept:
            changes[self._next] = self._compare(labels, self._next)
            self._next = (self._next + 1) % len(self._blocks)
            self._unswept -= 1
            if time.perf_counter() > deadline:
                break
        try:
            self._write(note, [changes[n] for n in sorted(changes) if len(changes[n][0])])
        except (OSError, UserError) as error:
            raise _refused(self.path, error) from error
        return self._unswept > 0

    def _begin(self, note: PaintNote, known: NDArray[Any]) -> None:
        self._note, self._known, self._blocks = None, known, Blocks(note.shape)
        self._end = self._compact = self._unswept = self._next = 0

    def _compare(self, labels: NDArray[Any], block: int) -> Changes:
        """Return flat indices and values of the pixels of a block that have changed."""
        index = self._blocks.index(block)
        now, before = labels[index], self._known[index]
        inside = np.flatnonzero(now != before)
        # read once: a stroke in between must not make the copy differ from the file
        return inside + self._blocks.start(block), now.reshape(-1)[inside]

    def _write(self, note: PaintNote, changes: list[Changes]) -> None:
        if not changes and (note == self._note if self._end else self.empty):
            return
        records = b"" if note == self._note else note_record(note)
        if changes:
            indices, values = zip(*changes, strict=True)
            records += pixel_record(np.concatenate(indices), np.concatenate(values))
        appended = self._end > 0 and self._append(records)
        self._take(note, changes)
        if not appended:
            # new or deleted; if writing fails, the next update tries again
            self._end = 0
            self._rewrite(note)
        elif self._end > max(COMPACT_FACTOR * self._compact, COMPACT_BYTES):
            self._compact = self._end
            # the longer file is as good
            with suppress(UserError):
                self._rewrite(note)

    def _take(self, note: PaintNote, changes: list[Changes]) -> None:
        self._note = note
        known = self._known.reshape(-1)
        for indices, values in changes:
            known[indices] = values

    def _append(self, records: bytes) -> bool:
        """Append to what was written before, and return whether that still exists."""
        try:
            with self.path.open("r+b") as file:
                if file.seek(0, os.SEEK_END) < self._end:
                    return False
                file.seek(self._end)
                file.write(records)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:
            return False
        self._end += len(records)
        return True

    def _rewrite(self, note: PaintNote) -> None:
        """Replace the file with one that holds only the current paint."""
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            file.write(start_of_file() + note_record(note))
            for block in range(len(self._blocks)):
                part = self._known[self._blocks.index(block)].reshape(-1)
                inside = np.flatnonzero(part)
                if len(inside):
                    file.write(pixel_record(inside + self._blocks.start(block), part[inside]))
            size = file.tell()
        self._end = self._compact = size


def _refused(path: Path, error: OSError | UserError) -> UserError:
    reason = error.value if isinstance(error, UserError) else error.strerror or error
    return UserError(
        "Your annotations can't be backed up at the moment",
        value=reason,
        rule=f"They are written to {path.parent} as you paint, in case the program crashes.",
        remedy="Free some space there, and save the layer with File ▸ Save Selected Layers.",
    )
