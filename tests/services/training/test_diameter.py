"""The diameter that a trained network states."""

from __future__ import annotations

import pytest
from painted import blank, checkers, numbered, options, scribbled

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.model.spec import with_diameter
from napari_unet.core.progress import finish
from napari_unet.services.library import Library
from napari_unet.services.training.finetune import finetune

SQUARE = 2 * 16 / 3.1416**0.5
"""Diameter of the circle as large as a square of the chessboard."""


def trained(annotation, start=None, **others):
    return finish(finetune([annotation], start or blank(), options(steps=1, **others))).model


def test_it_is_that_of_the_annotated_objects():
    assert trained(numbered()).spec.diameter == pytest.approx(SQUARE, abs=0.2)
    pixels, squares = checkers()
    apart = squares.copy()
    apart[16:32] = apart[48:] = False
    parts = Annotation(Image(pixels, "YX"), apart.astype("uint8"), "classes")
    assert trained(parts).spec.diameter == pytest.approx(SQUARE, abs=0.2)
    assert trained(numbered(), diameter=33).spec.diameter == 33


def test_it_stays_that_of_the_parent_if_the_annotated_objects_are_about_as_large():
    start = blank(task="objects").build()
    for before, now in ((30.0, 30.0), (12.0, 12.0), (40.0, SQUARE), (6.0, SQUARE)):
        tuned = trained(numbered(), with_diameter(start, before), rescale=False)
        assert tuned.spec.diameter == pytest.approx(now, abs=0.2)


def test_scribbles_tell_no_size_so_that_it_stays_that_of_the_parent():
    start = trained(scribbled(), None)
    assert start.spec.diameter is None
    parent = with_diameter(start, 24.0)
    assert trained(scribbled(), parent).spec.diameter == 24


def test_the_library_can_be_told(tmp_path):
    library, model = Library(tmp_path), blank().build()
    name = library.add(model, "mine").name
    library.set_diameter(name, 17.5)
    assert library.spec(name).diameter == 17.5
    library.set_diameter(name, None)
    assert library.spec(name).diameter is None
    with pytest.raises(UserError, match="came with the package"):
        library.set_diameter("nuclei-fluorescence", 3.0)
    with pytest.raises(UserError, match="can't be the diameter"):
        library.set_diameter(name, -1.0)
