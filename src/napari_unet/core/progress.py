"""What long work yields while it runs."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Long work is a generator of these whose return value is the result. To cancel, stop iterating
    and close the generator.

    Attributes
    ----------
    done, total
        Work done and in all, in one arbitrary unit; ``0 <= done <= total``.
    note
        What is being done, in a few words.
    metrics
        Named figures worth a curve.
    """

    done: float
    total: float
    note: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """Share of the work that is done, 0 to 1."""
        return self.done / self.total if self.total > 0 else 0.0


Job = Generator[Progress, None, T]
"""Long work: yields `Progress`, returns its result."""


def finish(job: Generator[object, None, T]) -> T:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def as_part(
    job: Job[T], done: float, total: float, *, share: float = 1.0, name: str = ""
) -> Job[T]:
    """Run a job as a part of a larger one, and return its result.

    Parameters
    ----------
    job
        The part.
    done, total
        Work of the whole that was done before it, and in all.
    share
        How much of the whole it makes up, in the same unit.
    name
        Of the part, before its notes.
    """
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        note = f"{name} {step.note}".strip()
        yield Progress(done + min(step.fraction, 1.0) * share, total, note)
