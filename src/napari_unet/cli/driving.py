"""What the commands share: running a job under a progress bar, showing errors, printing tables."""

from __future__ import annotations

import re
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer
from tqdm import tqdm

from napari_unet.cli.options import flag
from napari_unet.core.errors import UserError
from napari_unet.services.progress_bar import run_under_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_unet.core.progress import Job
    from napari_unet.services.files.pairs import FilePairs

T = TypeVar("T")


def run(job: Job[T], title: str) -> T:
    """Run a job under a progress bar with the time left."""
    with _interruptible() as interrupted:
        return run_under_bar(
            job, title, hidden=None, leave=False, interrupted=interrupted, say=as_typed
        )


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C end a job between two steps, where it can keep what it has; pressed twice, at once.

    SIGTERM, by which a queue or the system ends programs, does the same.

    Yields a function that returns whether it was pressed.
    """
    pressed: list[int] = []

    def note(number: int, _: object) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(pressed)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say(text: str) -> None:
    """Print text above a progress bar; at once, even to a pipe or a file."""
    tqdm.write(text)
    sys.stdout.flush()


def as_typed(message: object) -> str:
    """Return a message in which arguments of Python, such as ```overwrite=True```, are options."""

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        typed = flag({"regions": "region"}.get(name, name))
        if value == "False":
            return f"--no-{typed[2:]}"
        return typed if value in (None, "True") else f"{typed} {value}"

    return re.sub(r"`(\w+)(?:=([\w.']+))?`", option, str(message))


@contextmanager
def explained() -> Iterator[None]:
    """Show a user's error with the names of options in it; leave with status 1."""
    try:
        yield
    except UserError as error:
        typer.echo(f"Error: {as_typed(error)}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo("Cancelled; what was finished is kept.", err=True)
        raise typer.Exit(130) from error


def paired(images: Sequence[str], labels: Sequence[str], in_order: bool) -> FilePairs:
    """Find and pair files, and say on stderr what the names leave open."""
    from napari_unet.services.files.pairs import find_pairs

    pairs = find_pairs(images, labels, in_order=in_order)
    if pairs.unlabelled or not pairs.by_name:
        typer.echo(pairs, err=True)
    return pairs


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of texts in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
