"""Writes the new model of a training."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_unet.cli.training.report import report
from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from napari_unet.core.model.spec import Model
    from napari_unet.services.training.result import FinetuneResult


def check_output(output: Path, overwrite: bool) -> None:
    """Raise a `UserError` unless a new model may be written to a file."""
    from napari_unet.core.atomic import check_writable
    from napari_unet.core.model.file import MODEL_SUFFIX
    from napari_unet.services.files.save import check_free

    if output.suffix != MODEL_SUFFIX:
        raise UserError(
            f"The model can't be written to {output.name}",
            value=output.suffix or "no suffix",
            rule=f"A model file ends in {MODEL_SUFFIX}.",
            remedy=f"Name it {output.stem}{MODEL_SUFFIX}.",
        )
    check_free(output, overwrite)
    check_writable(output)


def finish(result: FinetuneResult, output: Path, state: Path, overwrite: bool) -> None:
    """Save the new model, and only then report: a closed pipe must not cost it."""
    try:
        saved = _save(result.model, output, overwrite)
        state.unlink(missing_ok=True)
    finally:
        report(result)
    typer.echo(saved)


def _save(model: Model, output: Path, overwrite: bool) -> Path:
    """Write a new model beside what has appeared under its name; if it can't be written, elsewhere."""
    from napari_unet.core.model.file import save_model

    path, n = output, 2
    while True:
        try:
            save_model(model, path, overwrite)
        except UserError as error:
            if overwrite or not path.exists():
                raise _kept(model, path, error) from error
            # another program has written it during the training
            path, n = output.with_name(f"{output.stem}-{n}{output.suffix}"), n + 1
        else:
            if path != output:
                typer.echo(f"{output.name} was written by another program meanwhile.", err=True)
            return path


def _kept(model: Model, output: Path, failed: UserError) -> UserError:
    """Save a model that can't be written where it should be, and return the error that says where."""
    from napari_unet.core.model.file import save_model
    from napari_unet.services.library import Library

    place = "nowhere"
    try:
        entry = Library().add(model)
        place, path = f"in the library as {entry.name!r}", entry.path
    except UserError:
        for folder in (Path(tempfile.gettempdir()), Path.home()):
            path = folder / output.name
            with contextlib.suppress(UserError):
                save_model(model, path, overwrite=False)
                place = f"in {folder}"
                break
    lost = place == "nowhere"
    return UserError(
        f"{output.name} can't be written; the new model is {place}",
        value=failed.value,
        rule=failed.rule,
        remedy="Free some space and give the same command again: it continues from the last saved state."
        if lost
        else f"Copy it from {path}.",
    )
