"""What the user most likely does next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    """The situation in a viewer.

    Attributes
    ----------
    image
        Name of the image that would be segmented; empty if there is none.
    running
        Whether a job is running.
    learning
        Whether a network keeps learning in the background.
    undecided
        Whether a trained network waits to be kept or discarded.
    painted
        Whether there is an annotation to learn from.
    restorable
        Whether an annotation of an open image can be restored after a crash, or was not saved.
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
    """Something to do next.

    Attributes
    ----------
    words
        What, in a few words.
    page
        The panel where it is done; empty if it is done elsewhere.
    does
        Name of the button there that does it; empty: a person does.
    """

    words: str
    page: str = ""
    does: str = ""


MEASURE = Step("Measure, save.", "Measure")


def step_beside(now: Situation) -> Step | None:
    """Return what many do instead of the next step: take the answer from a result; None: nothing."""
    settled = not (now.running or now.learning or now.undecided)
    return MEASURE if now.result and settled else None


def next_step(now: Situation) -> Step:
    """Return the most likely next step."""
    if now.undecided:
        return Step("Compare, then keep or discard.", "Fine-tune")
    if now.running:
        return Step("Wait, or press Cancel.")
    if now.learning:
        return Step("Keep painting; stop when good.", "Fine-tune")
    if not now.image:
        return Step("Open an image, folder or sample.")
    if now.restorable and not now.painted:
        return Step("Restore your annotation.", "Annotate")
    if now.tuned or not (now.result or now.painted):
        return Step("Press Segment.", "Segment")
    if now.painted:
        return Step("Correct, then train.", "Fine-tune")
    return Step("Correct this result.", "Annotate", "correct_button")
