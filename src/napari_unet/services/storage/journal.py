"""The journal of one labels layer: what was painted, on the disk soon after each stroke."""

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
"""Time spent at once on comparing what no stroke is known to have touched."""
COMPACT_FACTOR = 2
"""A journal is written anew when it is so many times as large as it was when that was last done…"""
COMPACT_BYTES = 1 << 16
"""…but not below this size."""

Changes = tuple["NDArray[np.int64]", "NDArray[Any]"]


class Journal:
    """Finds what has changed in an array of labels, and appends it to a file.

    It compares the array with a copy of what the file says, so that it doesn't matter how the labels
    were changed. The copy takes as much memory as the labels, but where nothing was ever painted, the
    system gives it none. Comparing takes a temporary byte a pixel of a piece.

    Parameters
    ----------
    path
        The file; made, with its folder, when there is something to write. What an earlier process has
        left there is gone on with after `read`, else replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note: PaintNote | None = None
        self._known = np.zeros((0, 0), np.uint8)
        self._pieces = Blocks((0, 0))
        self._end = 0
        self._compact = 0
        self._unswept = 0
        self._next = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is painted, as far as is known."""
        return not self._known.any()

    def read(self) -> Replay:
        """Read what an earlier process has left, and go on with it.

        Raises
        ------
        UserError
            When the file can't be used.
        """
        found = replay(self.path)
        self._begin(found.note, found.paint.copy())
        self._note, self._end, self._compact = found.note, found.end, found.end
        return found

    def update(
        self,
        note: PaintNote,
        labels: NDArray[Any],
        touched: Iterable[int] = (),
        *,
        sweep: bool = False,
        seconds: float = SWEEP_S,
    ) -> bool:
        """Write down what has changed, for a thread other than the main one.

        Parameters
        ----------
        note
            What there is to say of the paint.
        labels
            The labels as they are now; may be painted on meanwhile.
        touched
            Numbers of the `Blocks` that are known to have been painted
            on.
        sweep
            Whether anything may have changed: then all pieces are compared, some at each update.
        seconds
            Time to spend on that at once.

        Returns
        -------
        bool
            Whether there are pieces left to compare at further updates.

        Raises
        ------
        UserError
            When the system refuses to write; what has changed is found again at the next sweep.
        """
        if (self._known.shape, self._known.dtype) != (labels.shape, labels.dtype):
            self._begin(note, np.zeros_like(labels, order="C", subok=False))
            sweep = True
        if sweep:
            self._unswept = len(self._pieces)
        changes = {piece: self._compare(labels, piece) for piece in touched}
        until = time.perf_counter() + seconds
        while self._unswept:
            changes[self._next] = self._compare(labels, self._next)
            self._next = (self._next + 1) % len(self._pieces)
            self._unswept -= 1
            if time.perf_counter() > until:
                break
        try:
            self._write(note, [changes[n] for n in sorted(changes) if len(changes[n][0])])
        except (OSError, UserError) as error:
            raise _refused(self.path, error) from error
        return self._unswept > 0

    def _begin(self, note: PaintNote, known: NDArray[Any]) -> None:
        self._note, self._known, self._pieces = None, known, Blocks(note.shape)
        self._end = self._compact = self._unswept = self._next = 0

    def _compare(self, labels: NDArray[Any], piece: int) -> Changes:
        """Return flat indices and present values of the pixels of a piece that are not as known."""
        index = self._pieces.index(piece)
        now, before = labels[index], self._known[index]
        inside = np.flatnonzero(now != before)
        # read once: a stroke that falls in between must not tell the copy from the file
        return inside + self._pieces.start(piece), now.reshape(-1)[inside]

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
            # new, or somebody has deleted it; should it fail, it is still so the next time
            self._end = 0
            self._rewrite(note)
        elif self._end > max(COMPACT_FACTOR * self._compact, COMPACT_BYTES):
            self._compact = self._end
            # what there is will do
            with suppress(UserError):
                self._rewrite(note)

    def _take(self, note: PaintNote, changes: list[Changes]) -> None:
        self._note = note
        known = self._known.reshape(-1)
        for indices, values in changes:
            known[indices] = values

    def _append(self, records: bytes) -> bool:
        """Write at the end of what is whole; returns False if that is no longer there."""
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
        """Put a file with all that is known in the place of the one there is."""
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            file.write(start_of_file() + note_record(note))
            for piece in range(len(self._pieces)):
                part = self._known[self._pieces.index(piece)].reshape(-1)
                inside = np.flatnonzero(part)
                if len(inside):
                    file.write(pixel_record(inside + self._pieces.start(piece), part[inside]))
            size = file.tell()
        self._end = self._compact = size


def _refused(path: Path, error: OSError | UserError) -> UserError:
    reason = error.value if isinstance(error, UserError) else error.strerror or error
    return UserError(
        "What you paint can't be kept safe at the moment",
        value=reason,
        rule=f"It is written to {path.parent} as you paint, for the case that the program ends early.",
        remedy="Free some space there, and save the layer by File ▸ Save Selected Layers.",
    )
