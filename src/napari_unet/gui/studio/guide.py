"""What a user would do next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    """How things stand in a viewer.

    Attributes
    ----------
    image
        Name of the image that would be segmented; empty if there is none.
    running
        Whether a job is at work.
    learning
        Whether a network goes on learning in the background.
    undecided
        Whether a trained network waits to be kept or dropped.
    painted
        Whether there is a layer with paint to learn from.
    restorable
        Whether paint on an open image was left by a crash, or not saved.
    result
        Whether something has been segmented.
    tuned
        Whether the current network is newer than the newest result.
    """

    image: str = ""
    running: bool = False
    learning: bool = False
    undecided: bool = False
    painted: bool = False
    restorable: bool = False
    result: bool = False
    tuned: bool = False


@dataclass(frozen=True)
class Step:
    """Something to do.

    Attributes
    ----------
    words
        What, in a few words.
    page
        The panel where it is done; empty if it is elsewhere.
    """

    words: str
    page: str = ""


def next_step(now: Situation) -> Step:
    """Return the most likely thing to do next; there may be others."""
    if now.undecided:
        return Step("Compare old and new; decide.", "Fine-tune")
    if now.running:
        return Step("Wait, or press Cancel.")
    if now.learning:
        return Step("Paint on; stop when it is good.", "Fine-tune")
    if not now.image:
        return Step("Open an image or a sample (File).")
    if now.restorable and not now.painted:
        return Step("Restore what was painted.", "Annotate")
    if now.tuned or not (now.result or now.painted):
        return Step("Press Segment.", "Segment")
    if now.painted:
        return Step("Paint what is wrong; train.", "Fine-tune")
    return Step("Correct what is wrong.", "Annotate")
