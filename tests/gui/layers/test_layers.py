"""Layers to images, and results to layers that lie where the image lies."""

from __future__ import annotations

import gui_kit  # noqa: F401 - skips where there is no viewer
import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_unet.core.errors import UserError
from napari_unet.gui.layers import result_layer as filling
from napari_unet.gui.layers.images import describe, image_of, likely_axes, possible_axes
from napari_unet.gui.layers.layer_pair import pair_layers, same_pairs
from napari_unet.gui.layers.placement import on_screen, place
from napari_unet.gui.layers.results import result_layer

PURPOSE = {"title": "labels", "model": "m"}
CLASSES = {1: "nuclei", 2: "cells"}


def layer(*shape, **options):
    return Image(np.zeros(shape, np.uint8), name="cells", **options)


@pytest.mark.parametrize(
    ("made", "axes"),
    [
        (layer(8, 9), "YX"),
        (layer(5, 8, 9), "ZYX"),
        (layer(3, 8, 9), "ZYX"),
        (layer(2, 5, 8, 9), "TZYX"),
        (layer(8, 9, 3, rgb=True), "YXS"),
        (layer(4, 8, 9, 3, rgb=True), "ZYXS"),
        (layer(5, 8, 9, axis_labels=("t", "y", "x")), "TYX"),
        (layer(5, 8, 9, axis_labels=("time", "Y", "X")), "TYX"),
        (layer(2, 5, 8, 9, axis_labels=("channel", "z", "y", "x")), "CZYX"),
        (layer(5, 8, 9, axis_labels=("z", "z", "x")), "ZYX"),
        (layer(5, 8, 9, axis_labels=("plane", "row", "column")), "ZYX"),
        (Image([np.zeros((5, 8, 8)), np.zeros((5, 4, 4))], multiscale=True), "ZYX"),
    ],
)
def test_axes_come_from_the_labels_else_from_a_guess_that_is_never_rgb(made, axes):
    assert likely_axes(made) == axes
    assert possible_axes(made)[0] == axes
    assert image_of(made, axes).label_axes == axes.replace("S", "").replace("C", "")


def test_axes_come_from_the_file_where_the_layer_does_not_tell_them(tmp_path, make_napari_viewer):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, np.zeros((4, 8, 9), np.uint8), imagej=True, metadata={"axes": "TYX"})
    (made,) = make_napari_viewer().open(path, plugin="napari")
    assert likely_axes(made) == "TYX"


def test_the_choice_of_axes_holds_what_makes_sense():
    assert {"ZYX", "TYX", "CYX"} <= set(possible_axes(layer(5, 8, 9)))
    assert {"TZYX", "TCYX", "CZYX", "ZCYX"} <= set(possible_axes(layer(2, 5, 8, 9)))


def test_scale_and_units_go_with_the_axes():
    made = layer(5, 8, 9, scale=(300, 0.1, 0.2), units=("nm", "um", "um"))
    image = image_of(made, "ZYX")
    assert image.unit == "micrometer"
    assert image.scale == pytest.approx({"Z": 0.3, "Y": 0.1, "X": 0.2})


def test_a_multiscale_layer_gives_its_finest_level():
    levels = [np.ones((16, 16)), np.zeros((8, 8))]
    assert np.array_equal(image_of(Image(levels, multiscale=True), "YX").data, levels[0])


def test_axes_that_do_not_fit_are_refused_with_a_remedy():
    with pytest.raises(UserError, match="for example 'ZYX'"):
        image_of(layer(5, 8, 9), "YX")


def test_what_the_axes_mean_is_said_in_words():
    assert describe("TZYX", (3, 5, 8, 9)) == "3 time points, 5 planes of 9 × 8 pixels"
    assert describe("YX", (8, 9)) == "9 × 8 pixels"


def source(letters, sizes, seed):
    """An image layer of random geometry."""
    rng = np.random.default_rng(seed)
    n = len(letters)
    # turned and sheared within the plane, which is what napari can show
    rotate, shear, affine = np.eye(n), np.eye(n), np.eye(n + 1)
    rotate[-2:, -2:] = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    shear[-2, -1] = rng.normal()
    affine[n - 2 : n, n - 2 : n] += rng.normal(scale=0.1, size=(2, 2))
    affine[:n, n] = rng.normal(size=n)
    return layer(
        *(sizes[a] for a in letters),
        scale=rng.uniform(0.2, 3, n),
        translate=rng.normal(size=n),
        rotate=rotate,
        shear=shear,
        affine=affine,
    )


@given(
    letters=st.sampled_from(["YX", "ZYX", "TZYX", "CYX", "CZYX", "TCYX", "ZCYX"]),
    seed=st.integers(0, 99),
    data=st.data(),
)
@examples(60)
def test_a_label_lies_on_its_pixel_whatever_the_geometry_and_the_region(letters, seed, data):
    sizes = {"T": 3, "Z": 4, "C": 2, "Y": 6, "X": 7}
    image = source(letters, sizes, seed)
    label_axes = letters.replace("C", "")
    starts = [data.draw(st.integers(0, sizes[a] - 1)) for a in label_axes]
    region = tuple(slice(s, sizes[a]) for a, s in zip(label_axes, starts, strict=True))
    placed = place(image, letters, region)
    labels = Labels(np.zeros(placed.shape, np.uint8), **placed.transform)
    kept = label_axes if letters[0] == "C" else letters
    here = [0 if a == "C" else 1 for a in kept]
    there = dict(zip(label_axes, starts, strict=True))
    pixel = [(sizes["C"] - 1) / 2 if a == "C" else there[a] + 1 for a in letters]
    world = np.asarray(image.data_to_world(pixel))[len(letters) - len(kept) :]
    assert labels.data_to_world(here) == pytest.approx(world, abs=1e-9)
    assert labels.data[placed.inside].ndim == len(label_axes)


@pytest.fixture
def model():
    viewer = ViewerModel()
    viewer.add_layer(layer(5, 8, 9, scale=(2, 0.5, 0.5), axis_labels=("z", "y", "x")))
    return viewer


def run(viewer, value=1, purpose=PURPOSE, region=None):
    """What a run does to the viewer; returns the layer."""
    image = viewer.layers[0]
    placed = place(image, "ZYX", region)
    result = result_layer(viewer, image, placed, np.dtype(np.uint8), purpose, CLASSES)
    where = region or (slice(0, 5), slice(0, 8), slice(0, 9))
    result.write(where, np.full([s.stop - s.start for s in where], value, np.uint8))
    result.finish({"complete": True})
    return result.layer


def test_a_result_has_name_classes_and_record(model):
    made = run(model)
    assert made.name == "cells labels"
    assert made.axis_labels == ("z", "y", "x")
    assert "class: nuclei" in made.get_status((2, 1, 1))["coordinates"]
    assert made.metadata["napari_unet"]["complete"]
    assert made.editable


def test_a_second_run_uses_an_untouched_result_again(model):
    first = run(model, 1)
    again = run(model, 2)
    assert again is first
    assert (again.data == 2).all()
    assert len(model.layers) == 2


def paint(made):
    made.paint((1, 2, 2), 2)


def fill(made):
    made.fill((1, 2, 2), 2)


def edit_in_place(made):
    made.data[0, 0, 0] = 2


def replace(made):
    made.data = np.zeros_like(made.data)


@pytest.mark.parametrize("touch", [paint, fill, edit_in_place, replace])
def test_a_painted_result_is_never_written_over(model, touch):
    first = run(model, 1)
    touch(first)
    before = first.data.copy()
    second = run(model, 1)
    assert second is not first
    assert np.array_equal(first.data, before)


def test_a_copy_of_a_result_is_kept(model):
    first = run(model, 1)
    model.layers.append(Labels(first.data.copy(), name="kept", metadata=dict(first.metadata)))
    assert run(model, 2) is first
    assert (model.layers["kept"].data == 1).all()


def test_a_result_that_lies_elsewhere_by_now_is_left(model):
    first = run(model)
    model.layers[0].scale = (1, 1, 1)
    again = run(model)
    assert again is not first
    assert again.scale.tolist() == [1, 1, 1]


def test_another_network_makes_another_layer(model):
    assert run(model) is not run(model, purpose={**PURPOSE, "model": "other"})


def test_a_layer_too_large_to_compare_is_left_alone(model, monkeypatch):
    monkeypatch.setattr(filling, "CHECKED_BYTES", 10)
    assert run(model) is not run(model)


def test_a_run_that_comes_to_nothing_leaves_things_as_they_were(model):
    image = model.layers[0]
    placed = place(image, "ZYX")
    args = (model, image, placed, np.dtype(np.uint8), PURPOSE, CLASSES)
    result_layer(*args).withdraw()
    assert len(model.layers) == 1
    first = run(model, 3)
    result_layer(*args).withdraw()
    assert (first.data == 3).all()
    assert run(model, 4) is first


def test_a_layer_can_not_be_painted_in_while_it_is_filled(model):
    image = model.layers[0]
    placed = place(image, "ZYX")
    result = result_layer(model, image, placed, np.dtype(np.uint8), PURPOSE, CLASSES)
    assert not result.layer.editable


def test_a_preview_moves_with_the_view(model):
    purpose = {"title": "preview", "model": "m"}
    first = run(model, region=(slice(1, 2), slice(2, 5), slice(0, 4)), purpose=purpose)
    assert first.extent.world[0] == pytest.approx((2, 1, 0))
    again = run(model, region=(slice(3, 4), slice(0, 8), slice(5, 9)), purpose=purpose)
    assert again is first
    assert again.data.shape == (1, 8, 4)
    assert again.extent.world[0] == pytest.approx((6, 0, 2.5))


def test_planes_that_the_image_does_not_have_are_not_on_the_screen(model):
    image = model.layers[0]
    model.add_layer(layer(20, 8, 9, scale=(2, 0.5, 0.5), axis_labels=("z", "y", "x")))
    model.dims.set_point(0, 30)
    with pytest.raises(UserError, match="'cells' is not on the screen"):
        on_screen(model, image, image_of(image, "ZYX"), "YX")


def test_without_a_view_the_whole_present_plane_is_on_the_screen(model):
    image = model.layers[0]
    model.dims.set_point(0, 6)
    assert on_screen(model, image, image_of(image, "ZYX"), "YX") == (
        slice(3, 4),
        slice(0, 8),
        slice(0, 9),
    )
    assert on_screen(model, image, image_of(image, "ZYX"), "ZYX")[0] == slice(0, 5)


def test_pairs_whose_pixels_were_exchanged_are_others():
    pixels, paint = np.zeros((9, 8)), Labels(np.ones((9, 8), np.uint8))
    shown = Image(pixels)

    def pairs():
        return (pair_layers(shown, image_of(shown, "YX"), paint, "scribbles", None),)

    before = pairs()
    assert same_pairs(pairs(), before)
    assert not same_pairs((), before)
    shown.data = pixels + 1
    assert not same_pairs(pairs(), before)
