"""The command line: what the widgets do, for scripts and for machines without a screen."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer
import yaml
from tqdm import tqdm

from napari_unet import __version__
from napari_unet.core.errors import UserError
from napari_unet.core.normalize import Normalization
from napari_unet.services.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.core.progress import Job

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Segment microscopy images with a U-Net.",
)
models = typer.Typer(help="List the models, or add, check and delete them.")
app.add_typer(models, name="models")


def main() -> None:
    """Run the command line."""
    app()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(f"napari-unet-studio {__version__}")
        raise typer.Exit


def _help(name: str) -> str:
    return str(SegmentOptions.model_fields[name].description)


@app.command()
def segment(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT…", help="TIFF files, folders or patterns like '*.tif'."),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="A TIFF file for one image, a folder for several."),
    ],
    model: Annotated[
        str, typer.Option(help="Name in the library, model file, or foreign weights or package.")
    ],
    axes: Annotated[
        str | None, typer.Option(help="Axes such as TZCYX, if those of the file are wrong.")
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="Channel for each input of the model, by number from 0 or by name."),
    ] = None,
    normalization: Annotated[
        Literal["linear", "divide_255", "zscore", "percentile"] | None,
        typer.Option(help="Instead of the model's own, which 'models show' tells."),
    ] = None,
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help=_help("threshold"))] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(help="Also write probabilities here: a TIFF, or a folder for several images."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], typer.Option(help=_help("device"))
    ] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help=_help("precision"))
    ] = "auto",
    tile: Annotated[str, typer.Option(help="'auto', or the side of the tiles in pixels.")] = "auto",
    memory: Annotated[float | None, typer.Option(help=_help("memory"))] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace existing outputs.")] = False,
) -> None:
    """Segment images and write label images."""
    from napari_unet.services.batch import make_tasks, segment_files
    from napari_unet.services.images import find_images
    from napari_unet.services.library import Library

    with _explained():
        options = SegmentOptions(
            channels=tuple(_number(c) for c in channel) if channel else None,
            normalization=Normalization(kind=normalization) if normalization else None,
            threshold=threshold,
            device=device,
            precision=precision,
            tile=_tile(tile),
            memory=memory,
        )
        into_folder = any(Path(given).is_dir() for given in inputs)
        tasks = make_tasks(find_images(inputs), output, probabilities, into_folder=into_folder)
        network = _run(Library().load(model), "Loading")
        job = segment_files(tasks, network, options, axes=axes, overwrite=overwrite)
        outcomes = _run(job, "Segmenting")
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        typer.echo(f"{outcome.task.source}: {outcome.error}", err=True)
    for outcome in outcomes:
        if not outcome.error:
            typer.echo(outcome.task.labels)
    if failed:
        typer.echo(f"{len(failed)} of {len(outcomes)} images failed.", err=True)
        raise typer.Exit(1)


@models.callback(invoke_without_command=True)
def list_models(context: typer.Context) -> None:
    """List the models: name for --model, axes, classes, size, origin."""
    if context.invoked_subcommand is not None:
        return
    from napari_unet.services.library import Library

    library = Library()
    rows = [("NAME", "AXES", "CHANNELS", "CLASSES", "SIZE", "ORIGIN")]
    for entry in library.entries():
        size = f"{entry.size / 1e6:.1f} MB"
        origin = "bundled" if entry.bundled else "yours"
        if entry.spec is None:
            rows.append((entry.name, "?", "?", "can't be read", size, origin))
            continue
        spec = entry.spec
        source = f"{origin}: {spec.provenance.origin}" if spec.provenance.origin else origin
        names = (", ".join(spec.channels), ", ".join(spec.label_names.values()))
        rows.append((entry.name, spec.axes, *names, size, source))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
    typer.echo(f"\nYours are kept in {library.folder}")


@models.command("show")
def show_model(name: Annotated[str, typer.Argument(help="Name in the library.")]) -> None:
    """Show everything a model file says of itself but its weights."""
    from napari_unet.services.library import Library

    with _explained():
        spec = Library().spec(name)
        typer.echo(
            yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        )


@models.command("add")
def add_model(
    source: Annotated[str, typer.Argument(help="Model file, foreign weights or package.")],
    name: Annotated[str | None, typer.Option(help="Name in the library.")] = None,
    fetch: Annotated[
        bool, typer.Option(help="Download weights that a package only names, if they are missing.")
    ] = False,
) -> None:
    """Put a model into the library."""
    from napari_unet.core.imports import MissingWeightsError, fetch_weights
    from napari_unet.services.library import Library

    with _explained():
        library = Library()
        try:
            model = _run(library.load(source), "Loading")
        except MissingWeightsError:
            if not fetch:
                raise
            _run(fetch_weights(Path(source)), "Downloading")
            model = _run(library.load(source), "Loading")
        entry = library.add(model, name)
        error = model.spec.provenance.verified_error
        checked = "" if error is None else f" (its test output is met to {error:.1e})"
        typer.echo(f"{entry.name}{checked}")


@models.command("verify")
def verify_model(name: Annotated[str, typer.Argument(help="Name in the library.")]) -> None:
    """Check a model file for damage."""
    from napari_unet.services.library import Library

    with _explained():
        Library().verify(name)
        typer.echo(f"{name} is intact.")


@models.command("delete")
def delete_model(name: Annotated[str, typer.Argument(help="Name in the library.")]) -> None:
    """Delete one of your models."""
    from napari_unet.services.library import Library

    with _explained():
        Library().delete(name)
        typer.echo(f"{name} is deleted.")


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the results if there is no screen.")
    ] = Path("demo-output"),
    headless: Annotated[bool, typer.Option(help="Do not open napari even if it could.")] = False,
) -> None:
    """Segment the sample that comes with the package: in napari, or without a screen into files."""
    from napari_unet.services.demo import run_demo
    from napari_unet.services.linux import has_display
    from napari_unet.services.window import try_window

    if not headless and has_display() and try_window().opengl:
        # a process of its own: the command line itself stays free of Qt
        viewer = subprocess.run([sys.executable, "-m", "napari_unet.gui.demo"], check=False)
        raise typer.Exit(viewer.returncode)
    with _explained():
        result = _run(run_demo(output), "Segmenting the sample")
        typer.echo(f"{result.foreground:.0%} of the sample is foreground.")
        typer.echo(f"Labels:  {result.labels}\nPicture: {result.picture}")


@app.command()
def doctor() -> None:
    """Say in plain words what works on this machine and what to install."""
    from napari_unet.services.doctor import examine

    marks = {True: "ok  ", False: "FAIL", None: "note"}
    broken = False
    for finding in examine():
        broken |= finding.ok is False
        typer.echo(f"{marks[finding.ok]}  {finding.title}: {finding.detail}")
        if finding.advice:
            typer.echo(f"      -> {finding.advice}")
    if broken:
        raise typer.Exit(1)


def _tile(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdigit() or int(text) == 0:
        raise UserError(
            "The tile can't be used",
            value=repr(text),
            rule="It is 'auto' or a whole number of pixels.",
            remedy="Leave it out.",
        )
    return int(text)


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _run(job: Job[T], title: str) -> T:
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


_BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


@contextmanager
def _explained() -> Iterator[None]:
    """Show a user's error as it stands; leave with status 1."""
    try:
        yield
    except UserError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo("Cancelled; what was finished is kept.", err=True)
        raise typer.Exit(130) from error
