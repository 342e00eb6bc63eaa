"""What the commands share: driving a job under a progress bar, errors as they stand, tables."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer
from tqdm import tqdm

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.core.progress import Job

T = TypeVar("T")


def run(job: Job[T], title: str) -> T:
    """Drive a job under a progress bar with the time left."""
    # without a terminal a bar is noise
    with tqdm(total=1.0, desc=title, disable=None, bar_format=_BAR, leave=False) as bar:
        try:
            while True:
                progress = next(job)
                bar.set_postfix_str(progress.note, refresh=False)
                bar.update(progress.fraction - bar.n)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            job.close()


def say(words: str) -> None:
    """Print words while a progress bar may be shown, above it."""
    tqdm.write(words)


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
