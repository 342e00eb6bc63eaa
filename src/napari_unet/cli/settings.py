"""The settings that several commands share, and what is said about them."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from napari_unet.core.errors import UserError
from napari_unet.services.segmentation.options import SegmentOptions


def help_of(name: str) -> str:
    """Return what a field of the options says about itself."""
    return str(SegmentOptions.model_fields[name].description)


Threshold = Annotated[float | None, typer.Option(min=0, max=1, help=help_of("threshold"))]
Separation = Annotated[float | None, typer.Option(min=0, max=1, help=help_of("separation"))]
Smallest = Annotated[float | None, typer.Option(min=0, help=help_of("smallest"))]
FillHoles = Annotated[bool, typer.Option(help=help_of("fill_holes"))]
NormalizationOption = Annotated[
    Literal["linear", "divide_255", "zscore", "percentile"] | None,
    typer.Option(help="Instead of the model's own, which 'models show' tells."),
]
Tile = Annotated[str, typer.Option(help="'auto', or the side of the tiles in pixels.")]


def as_tile(text: str) -> int | None:
    """Return the side of the tiles, None where it is to be found.

    Raises
    ------
    UserError
        When it is no such number.
    """
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


def as_channel(text: str) -> int | str:
    """Return a channel's number, or its name."""
    return int(text) if text.isdigit() else text
