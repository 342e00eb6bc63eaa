"""Links of nuclei in five frames of Fluo-N2DL-HeLa 02, each of which was looked at in the image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parts.tracking_measures import Line, Lineages

FILE = Path(__file__).with_name("hela_links.txt")
FIRST, LAST = 4, 8
FRAMES = slice(FIRST, LAST + 1)


@dataclass(frozen=True)
class HelaLinks:
    """The links, with frames counted from the first.

    Attributes
    ----------
    after
        For each frame but the last, the objects of the next one that an object is or divides into.
    unsure
        Frame and object of what can't be told apart by eye.
    """

    after: list[dict[int, list[int]]]
    unsure: list[tuple[int, int]]

    @classmethod
    def read(cls) -> HelaLinks:
        """Read the file."""
        after: list[dict[int, list[int]]] = [{} for _ in range(LAST - FIRST)]
        unsure = []
        for line in FILE.read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[0] == "?":
                unsure.append((int(words[1]) - FIRST, int(words[2])))
            elif words[0] != "#":
                t, here, there = map(int, words)
                after[t - FIRST].setdefault(here, []).append(there)
        return cls(after, unsure)

    def without_unsure(self, labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Return a copy of the labels of all five frames without the objects that are not sure."""
        sure = labels.copy()
        for t, number in self.unsure:
            sure[t][labels[t] == number] = 0
        return sure

    def lineages(self, labels: NDArray[np.uint16], step: int) -> Lineages:
        """Return the true tracks of every frame, or of every other one.

        Parameters
        ----------
        labels
            All five frames, without the objects that are not sure.
        step
            1 or 2.
        """
        shown = labels[::step]
        masks = np.zeros(shown.shape, np.uint16)
        lines: list[Line] = []
        track_of: dict[int, int] = {}
        for t, frame in enumerate(shown):
            came_from = self._came_from((t - 1) * step, step) if t else {}
            parts = {mother: list(came_from.values()).count(mother) for mother in track_of}
            now = {}
            for number in map(int, np.unique(frame[frame > 0])):
                mother = came_from.get(number, 0)
                if parts.get(mother) == 1:
                    now[number] = track_of[mother]
                    lines[now[number] - 1] = (
                        *lines[now[number] - 1][:2],
                        t,
                        lines[now[number] - 1][3],
                    )
                else:
                    lines.append((len(lines) + 1, t, t, track_of.get(mother, 0)))
                    now[number] = len(lines)
                masks[t][frame == number] = now[number]
            track_of = now
        return Lineages(masks, lines)

    def _came_from(self, t: int, step: int) -> dict[int, int]:
        """Return the objects of a later frame with what each of them was in frame `t`."""
        found = {number: [number] for number in self.after[t]}
        for frame in self.after[t : t + step]:
            found = {a: [c for b in now for c in frame.get(b, [])] for a, now in found.items()}
        return {there: here for here, now in found.items() for there in now}
