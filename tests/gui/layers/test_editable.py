"""Which labels can be edited, by which plane, on which image; and what is said where none can."""

from __future__ import annotations

import dask.array
import gui_kit  # noqa: F401 - skips where there is no viewer
import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes
from napari.layers._source import layer_source
from napari.utils.colormaps import DirectLabelColormap
from windowless import viewer as viewer

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.annotation_layers import new_annotation_layer
from napari_unet.gui.layers.checked_areas import check_plane, next_unchecked
from napari_unet.gui.layers.classes import add_class, classes_of, recolour, rename
from napari_unet.gui.layers.editing import array_of, view_of
from napari_unet.gui.layers.image_under import image_under
from napari_unet.gui.layers.images import image_of, likely_axes
from napari_unet.gui.layers.layer_pair import pair_layers

SHAPE = (4, 20, 30)


@pytest.fixture
def labels(viewer):
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="cells")
    return viewer.add_labels(np.zeros(SHAPE, np.uint16), name="found")


def refused(what, *given):
    with pytest.raises(UserError) as error:
        what(*given)
    return str(error.value)


def test_labels_on_disk_filled_in_or_hidden_can_not_be_edited(viewer, labels):
    assert array_of(labels) is labels.data
    labels.editable = False
    assert "is being filled in" in refused(array_of, labels)
    labels.editable, labels.visible = True, False
    assert "click the eye" in refused(array_of, labels)
    lazy = viewer.add_labels(dask.array.zeros(SHAPE, dtype=np.uint16), name="lazy")
    assert "is stored on disk" in refused(array_of, lazy)


def test_only_a_plane_that_is_shown_can_be_edited(viewer, labels):
    viewer.dims.set_current_step(0, 2)
    assert view_of(viewer, labels).position == {0: 2}
    viewer.dims.ndisplay = 3
    assert "The image is shown in 3-D" in refused(view_of, viewer, labels)
    viewer.dims.ndisplay = 2
    # another layer has more planes
    viewer.add_image(np.zeros((9, 20, 30)), name="longer")
    viewer.dims.set_current_step(0, 7)
    assert "no such plane: 7 of 4" in refused(view_of, viewer, labels)
    source = viewer.layers["cells"]
    assert "'cells' has no such plane" in refused(
        check_plane, viewer, source, image_of(source, "ZYX")
    )


def test_objects_are_measured_on_the_image_they_cover(viewer, labels):
    assert image_under(viewer, labels)[0].name == "cells"
    # their own before the topmost
    viewer.add_image(np.zeros(SHAPE), name="other")
    assert image_under(viewer, labels)[0].name == "other"
    labels.metadata["napari_unet_image"] = ""
    other = viewer.add_labels(np.zeros((5, 5), np.uint8), name="small")
    assert "'small' covers none of the images" in refused(image_under, viewer, other)


def test_in_a_single_plane_there_is_none_to_go_on_to(viewer):
    source = viewer.add_image(np.zeros((20, 30)), name="plane")
    assert not next_unchecked(viewer, source, image_of(source, "YX"), 1)


def test_labels_on_disk_are_learnt_from_without_the_axis_of_the_channels(viewer):
    pixels = np.zeros((20, 1, 30), np.uint8)
    source = Image(pixels, axis_labels=("y", "c", "x"))
    marks = np.random.default_rng(0).integers(0, 3, pixels.shape).astype(np.uint8)
    pair = pair_layers(
        source, image_of(source, "YCX"), Labels(dask.array.from_array(marks)), "classes", None
    )
    found = pair.paint()
    assert (found.shape, found.dtype) == ((20, 30), np.uint8)
    assert np.array_equal(np.asarray(found[3:9, 4:]), marks[3:9, 0, 4:])


def test_an_annotation_needs_labels_and_regions_need_shapes(viewer, labels):
    source = viewer.layers["cells"]
    image = image_of(source, "ZYX")
    assert "There is no annotation yet" in refused(
        pair_layers, source, image, None, "objects", None
    )
    assert "has no shapes yet" in refused(
        pair_layers, source, image, labels, "objects", Shapes(name="areas")
    )


def test_the_axes_are_asked_of_the_file_only_where_it_is_that_image(tmp_path):
    for name, content in (("notes.txt", "text"), ("cut.tif", "II*"), ("none.tif", None)):
        if content is not None:
            (tmp_path / name).write_text(content)
        with layer_source(path=str(tmp_path / name)):
            assert likely_axes(Image(np.zeros(SHAPE))) == "ZYX"


@pytest.fixture
def classes(viewer):
    source = viewer.add_image(np.zeros((20, 30), np.uint8), name="plane")
    return new_annotation_layer(viewer, source, image_of(source, "YX"), ("cell",))


def test_classes_are_added_until_no_label_is_left(classes):
    rename(classes, 2, "class 2")
    added = add_class(classes)
    # the name is free
    assert [c.name for c in classes_of(classes)][2:] == ["class 2", "class 3"]
    assert added == 3
    while len(classes_of(classes)) < 12:
        add_class(classes)
    assert len({c.name for c in classes_of(classes)}) == 12
    for name in ("", "a, b", "class 2"):
        assert "can't have this name" in refused(rename, classes, 3, name)


def test_a_colour_is_given_to_labels_of_any_colormap(classes):
    colours = {None: (0, 0, 0, 0), 1: (0, 0, 1, 1), 2: (0, 1, 0, 1)}
    classes.colormap = DirectLabelColormap(color_dict=colours)
    recolour(classes, 2, (1, 0, 0, 1))
    _, background, cell = classes_of(classes)[:3]
    assert background.colour == pytest.approx((0, 0, 1, 1))
    assert cell.colour == pytest.approx((1, 0, 0, 1))


def test_no_more_classes_than_the_labels_of_a_file_can_hold(classes, monkeypatch):
    monkeypatch.setattr("napari_unet.gui.layers.classes.MAX_CLASS_LABEL", 3)
    add_class(classes)
    assert "go up to 3" in refused(add_class, classes)
