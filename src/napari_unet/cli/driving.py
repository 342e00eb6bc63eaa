"""What the commands share: driving a job under a progress bar, errors as they stand, tables."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer
from tqdm import tqdm

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_unet.core.progress import Job

T = TypeVar("T")


def run(job: Job[T], title: str) -> T:
    """Drive a job under a progress bar with the time left."""
    # without a terminal a bar is noise
    bar = tqdm(total=1.0, desc=title, disable=None, bar_format=_BAR, leave=False)
    with bar, _interruptible() as interrupted:
        try:
            while True:
                progress = next(job)
                if interrupted():
                    raise KeyboardInterrupt
                bar.set_postfix_str(progress.note, refresh=False)
                bar.update(progress.fraction - bar.n)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            job.close()


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Have Ctrl-C end a job between two steps, where it can keep what it has; a second one at once.

    Gives a function that says whether it was pressed.
    """
    pressed: list[int] = []

    def take(number: int, _: object) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, take)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def say(words: str) -> None:
    """Print words while a progress bar may be shown, above it; at once, to a pipe or a file too."""
    tqdm.write(words)
    sys.stdout.flush()


_BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


@contextmanager
def explained() -> Iterator[None]:
    """Show a user's error as it stands; leave with status 1."""
    try:
        yield
    except UserError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo("Cancelled; what was finished is kept.", err=True)
        raise typer.Exit(130) from error


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of texts in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
