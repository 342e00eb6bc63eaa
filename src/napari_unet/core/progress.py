"""Long work as generators: what they yield, and how to run them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Long work is a generator of these, and its return value is the result. To cancel it, stop iterating
    and close the generator.

    Attributes
    ----------
    done, total
        Work done so far and altogether, in any one unit; ``0 <= done <= total``.
    note
        What is being done, in a few words.
    metrics
        Figures worth plotting, by name.
    """

    done: float
    total: float
    note: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """Fraction of the work that is done, 0 to 1."""
        return self.done / self.total if self.total > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Notice(Progress):
    """Something that the user should know before the work goes on.

    Attributes
    ----------
    text
        One sentence or more. Settings are named as in Python, in backticks: ```diameter=20```.
    """

    text: str


Job = Generator[Progress, None, T]
"""Long work: a generator that yields `Progress` and returns its result."""


def finish(job: Generator[object, None, T]) -> T:
    """Run a generator to its end and return its result.

    Parameters
    ----------
    job
        The generator; what it yields is dropped.

    Returns
    -------
    object
        What the generator returns.
    """
    while True:
        try:
            next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def as_part(
    job: Job[T], done: float, total: float, *, share: float = 1.0, name: str = ""
) -> Job[T]:
    """Run a job as part of a larger one, and return its result.

    Parameters
    ----------
    job
        The part.
    done, total
        Work of the larger job: done before this part, and altogether.
    share
        Work that this part amounts to, in the same unit.
    name
        Name of the part, put before its notes.

    Yields
    ------
    Progress
        The progress of the larger job; a `Notice` stays one.

    Returns
    -------
    object
        What `job` returns.
    """
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        note, now = f"{name} {step.note}".strip(), done + min(step.fraction, 1.0) * share
        if isinstance(step, Notice):
            text = f"{name}: {step.text}" if name else step.text
            yield replace(step, done=now, total=total, note=note, text=text)
        else:
            yield Progress(now, total, note)
