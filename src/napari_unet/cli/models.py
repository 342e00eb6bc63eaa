"""`napari-unet models`: list the models, or add, check and delete them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from napari_unet.cli.arguments import Axes
from napari_unet.cli.driving import explained, print_table, run
from napari_unet.cli.model_card import model_card

Diameter = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        help="Typical diameter of the objects it has learnt, in pixels (default: as it states, or as in "
        "the test output of a package).",
    ),
]

models = typer.Typer(help="List the models, or add, check and delete them.")


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
        if entry.package is not None:
            origin = f"{entry.package.name} ({entry.package.licence or 'licence not stated'})"
        if entry.spec is None:
            rows.append((entry.name, "?", "?", "can't be read", size, origin))
            continue
        spec = entry.spec
        source = f"{origin}: {spec.provenance.origin}" if spec.provenance.origin else origin
        names = (", ".join(spec.channels), ", ".join(spec.label_names.values()))
        rows.append((entry.name, spec.axes, *names, size, source))
    print_table(rows)
    typer.echo(f"\nYours are kept in {library.folder}")


@models.command("show")
def show_model(
    name: Annotated[
        str,
        typer.Argument(help="Name in the library, or a model file, foreign weights or package."),
    ],
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Show the whole description as YAML, with the record of the training."
        ),
    ] = False,
) -> None:
    """Show what a model expects, gives, and where it comes from."""
    from napari_unet.core.model.file import is_model_file
    from napari_unet.services.library import Library, looks_like_path
    from napari_unet.services.network_notes import NetworkNotes

    with explained():
        library, path = Library(), Path(name).expanduser()
        if looks_like_path(name) and path.exists() and not is_model_file(path):
            spec = run(library.load(name), "Loading").spec
        else:
            spec = library.spec(name)
        if full:
            values = spec.model_dump(mode="json")
            typer.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
        else:
            typer.echo(model_card(spec, NetworkNotes(library.folder.parent).note(name)))


@models.command("history")
def show_history(name: Annotated[str, typer.Argument(help="Name in the library.")]) -> None:
    """Show what a model was tuned from, and what each training gained on its validation set."""
    from napari_unet.services.library import Library
    from napari_unet.services.training.history import gain, lineages

    with explained():
        library = Library()
        library.spec(name)
        rows = [("NAME", "VALIDATION", "IMAGES")]
        for entry in lineages(library.entries())[name]:
            assert entry.spec is not None
            images = entry.spec.provenance.training.get("images", ())
            some = ", ".join(images[:3]) + (f" and {len(images) - 3} more" if images[3:] else "")
            rows.append((entry.name, str(gain(entry.spec) or "not validated"), some))
        print_table(rows)


@models.command("add")
def add_model(
    source: Annotated[str, typer.Argument(help="Model file, foreign weights or package.")],
    name: Annotated[str | None, typer.Option(help="Name it gets in the library.")] = None,
    diameter: Diameter = None,
    fetch: Annotated[
        bool, typer.Option(help="Download weights that a package only names, if they are missing.")
    ] = False,
) -> None:
    """Put a model into the library."""
    from napari_unet.core.importers import MissingWeightsError, fetch_weights
    from napari_unet.core.model.spec import with_diameter
    from napari_unet.services.library import Library

    with explained():
        library = Library()
        try:
            model = run(library.load(source), "Loading")
        except MissingWeightsError:
            if not fetch:
                raise
            run(fetch_weights(Path(source)), "Downloading")
            model = run(library.load(source), "Loading")
        if diameter is not None:
            model = with_diameter(model, diameter)
        entry = library.add(model, name)
        error = model.spec.provenance.verified_error
        checked = "" if error is None else f" (it gives its test output to within {error:.1e})"
        typer.echo(f"{entry.name}{checked}")


@models.command("diameter")
def set_diameter(
    name: Annotated[str, typer.Argument(help="Name in the library.")],
    pixels: Annotated[float, typer.Argument(help="Typical diameter in pixels; 0: not known.")],
) -> None:
    """State how large the objects are that one of your models has learnt."""
    from napari_unet.services.library import Library

    with explained():
        Library().set_diameter(name, pixels or None)
        typer.echo(f"{name}: {f'{pixels:g} pixels' if pixels else 'diameter not known'}.")


@models.command("verify")
def verify_model(name: Annotated[str, typer.Argument(help="Name in the library.")]) -> None:
    """Check a model file for damage."""
    from napari_unet.services.library import Library

    with explained():
        Library().verify(name)
        typer.echo(f"{name} is intact.")


@models.command("suggest")
def suggest_models(
    image: Annotated[Path, typer.Argument(help="An image file, OME-Zarr included.")],
    axes: Axes = None,
) -> None:
    """List the models by how well they suit an image, the best match first."""
    from napari_unet.services.files.images import open_image
    from napari_unet.services.library import Library
    from napari_unet.services.suggestions import look, suggest

    with explained():
        appearance = run(look(open_image(image, axes)), "Looking")
        rows = [("NAME", "DIAMETER", "WHAT SPEAKS AGAINST IT")]
        for suggestion in suggest(Library().entries(), appearance):
            spec = suggestion.entry.spec
            size = f"{spec.diameter:g} px" if spec is not None and spec.diameter else "not known"
            rows.append((suggestion.entry.name, size, suggestion.words or "nothing"))
        typer.echo(f"It looks like {appearance.kind or 'nothing: all its pixels are alike'}.\n")
        print_table(rows)


@models.command("rename")
def rename_model(
    name: Annotated[str, typer.Argument(help="Name in the library.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
) -> None:
    """Give one of your models another name."""
    from napari_unet.services.library import Library
    from napari_unet.services.network_notes import NetworkNotes

    with explained():
        library = Library()
        entry = library.rename(name, new)
        NetworkNotes(library.folder.parent).rename(name, entry.name)
        typer.echo(f"{name} is now {entry.name}.")


@models.command("note")
def note_on_model(
    name: Annotated[str, typer.Argument(help="Name in the library.")],
    text: Annotated[str, typer.Argument(help="What you want to remember of it; '': nothing.")],
) -> None:
    """Keep a note on a model, shown in Load U-Net and by 'models show'."""
    from napari_unet.services.library import Library
    from napari_unet.services.network_notes import NetworkNotes

    with explained():
        library = Library()
        NetworkNotes(library.folder.parent).set_note(library.entry(name).name, text)
        typer.echo(f"{name}: {text.strip() or 'no note'}")


@models.command("delete")
def delete_model(name: Annotated[str, typer.Argument(help="Name in the library.")]) -> None:
    """Delete one of your models."""
    from napari_unet.services.library import Library

    with explained():
        Library().delete(name)
        typer.echo(f"{name} is deleted.")


@models.command("export")
def export_model(
    name: Annotated[str, typer.Argument(help="Name in the library, or a model file.")],
    output: Annotated[
        Path,
        typer.Argument(
            help="A bioimage.io package (.zip), ONNX (.onnx), a package for ZEISS ZEN and arivis "
            "(.czann), or weights for Pytorch-UNet (.pth)."
        ),
    ],
    author: Annotated[
        list[str] | None,
        typer.Option(help="Author of the network, for a package (default: as it states)."),
    ] = None,
    license: Annotated[
        str, typer.Option(help="Licence, such as CC-BY-4.0 (default: as the network states).")
    ] = "",
    cite: Annotated[
        list[str] | None,
        typer.Option(help="Publication to cite, with its DOI (default: as the network states)."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Write a model for other programs: deepImageJ, QuPath, ilastik, ZEN, or any that reads ONNX."""
    from napari_unet.services.export import Credits, export
    from napari_unet.services.library import Library

    with explained():
        model = run(Library().load(name), "Loading")
        credits = Credits(tuple(author or ()), license, tuple(cite or ()))
        run(export(model, output, credits, overwrite=overwrite), "Exporting")
        typer.echo(str(output))
