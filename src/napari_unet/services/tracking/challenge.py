"""Tracks as the Cell Tracking Challenge takes them: a mask for each frame, and a text file."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_unet.core.atomic import explained_writing
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.core.tracking.track import read_frame
from napari_unet.core.tracking.tracks import renumbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.core.tracking.tracks import Tracks

HIGHEST = np.iinfo(np.uint16).max


def check_challenge(folder: Path) -> None:
    """Raise a `UserError` when there is something at `folder` that would be mixed with the tracks."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder} is not empty",
            value="files would be mixed with those of the tracks",
            rule="The files for the Cell Tracking Challenge need a folder of their own.",
            remedy="Name a new folder.",
        )


def save_challenge(folder: Path, labels: Image, tracks: Tracks, *, truth: bool = False) -> Job[int]:
    """Write ``mask000.tif`` and so on, and ``res_track.txt`` with begin, end and parent of each track.

    There a track has no gaps: one that was found again goes on as a new track, whose parent it is.

    Parameters
    ----------
    folder
        New or empty; it appears when all files are complete.
    labels
        The labels that were tracked.
    tracks
        Their tracks.
    truth
        Whether to name the files as those of true tracks: ``man_track000.tif``, ``man_track.txt``.

    Yields
    ------
    Progress
        In units of frames.

    Returns
    -------
    int
        Number of tracks in the files.

    Raises
    ------
    UserError
        When there are files in the folder, it can't be written, or there are more than 65,535 tracks.
    """
    check_challenge(folder)
    numbers, lines = segments(tracks)
    if len(lines) > HIGHEST:
        raise UserError(
            "There are too many tracks for the Cell Tracking Challenge",
            value=f"{len(lines):,}",
            rule=f"Its masks are 16-bit files, which hold {HIGHEST:,} numbers.",
            remedy="Save the labels only, or track a part of the image.",
        )
    digits = max(3, len(str(tracks.n_frames - 1)))
    mask, table = ("man_track", "man_track.txt") if truth else ("mask", "res_track.txt")
    with explained_writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".napari-unet-", suffix=".part", dir=folder.parent))
    try:
        for t in range(tracks.n_frames):
            yield Progress(t, tracks.n_frames, f"writing t {t}")
            here = tracks.frame == t
            frame = read_frame(labels, t)
            out = renumbered(frame, tracks.label[here], numbers[here], np.dtype(np.uint16))
            with explained_writing(folder):
                tifffile.imwrite(part / f"{mask}{t:0{digits}d}.tif", out, compression="zlib")
        with explained_writing(folder):
            text = "".join(" ".join(map(str, line)) + "\n" for line in lines)
            (part / table).write_text(text, encoding="ascii", newline="\n")
            part.chmod(0o777 & ~_umask())
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(lines)


def segments(tracks: Tracks) -> tuple[NDArray[np.int64], list[tuple[int, int, int, int]]]:
    """Divide tracks where they have gaps.

    Returns
    -------
    tuple
        The number of each object, in the order of the rows of `tracks`; and number, first frame, last
        frame and parent (0: none) of each track, numbered from 1 by first frame.
    """
    order = np.lexsort((tracks.frame, tracks.track))
    track, frame = tracks.track[order], tracks.frame[order]
    first = np.ones(len(track), bool)
    first[1:] = (track[1:] != track[:-1]) | (frame[1:] != frame[:-1] + 1)
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(track)) - 1
    rank = np.lexsort((track[starts], frame[starts]))
    number = np.empty(len(starts), np.int64)
    number[rank] = np.arange(1, len(starts) + 1)
    last_of = {int(track[e]): int(number[i]) for i, e in enumerate(ends)}
    lines = []
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        goes_on = i > 0 and track[a] == track[a - 1]
        mother = tracks.parents.get(int(track[a]), 0)
        parent = int(number[i - 1]) if goes_on else last_of.get(mother, 0)
        lines.append((int(number[i]), int(frame[a]), int(frame[b]), parent))
    numbers = np.empty(len(track), np.int64)
    numbers[order] = number[np.cumsum(first) - 1]
    return numbers, sorted(lines)


def _umask() -> int:
    # there is no way to read it but to set it
    mask = os.umask(0)
    os.umask(mask)
    return mask
