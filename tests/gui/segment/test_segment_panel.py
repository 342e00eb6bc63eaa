"""*Segment*: from the button to the labels, and all that can come between."""

from __future__ import annotations

import html
import shlex
from dataclasses import replace

import gui_kit
import numpy as np
import pytest
import tifffile
from gui_kit import SECONDS, finish_job, random_image, said, small_model
from napari.layers import Image, Labels
from qtpy.QtWidgets import QApplication
from typer.testing import CliRunner
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import readers as readers
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.cli import app
from napari_unet.core.model.file import save_model
from napari_unet.core.progress import finish
from napari_unet.gui.layers.images import image_of
from napari_unet.services.segmentation.segment import segment


def labels_of(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


@pytest.fixture
def slow(segment_panel):
    """The panel with an image and a network that keep it busy for a while."""
    segment_panel.viewer.add_image(random_image(3, 512, 512), name="cells")
    segment_panel.session.model = gui_kit.large_model()
    return segment_panel


def begin(panel, qtbot):
    panel.segment_button.click()
    qtbot.waitUntil(lambda: panel.session.jobs.running, timeout=SECONDS)


def test_the_labels_are_those_of_the_same_run_without_a_viewer(segment_panel, viewer, qtbot):
    image = viewer.add_image(
        random_image(3, 70, 90), name="cells", scale=(2, 0.5, 0.5), translate=(1, 2, 3)
    )
    segment_panel.segment_button.click()
    assert [layer.name for layer in labels_of(viewer)] == ["cells labels"], "appears at once"
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    wanted = finish(segment(image_of(image, "ZYX"), small_model())).labels
    assert np.array_equal(made.data, wanted)
    assert 0 < made.data.mean() < 1
    assert made.data.dtype == wanted.dtype
    assert np.array_equal(made.scale, image.scale)
    assert np.array_equal(made.translate, image.translate)
    record = made.metadata["napari_unet"]
    assert record["complete"]
    assert record["model"] == "small"
    assert record["options"]["threshold"] is None
    assert "Done" in said(segment_panel)


def test_options_and_channel_of_the_form_are_used_and_kept(segment_panel, viewer, qtbot):
    viewer.add_image(
        random_image(2, 40, 50),
        name="cells",
        axis_labels=("c", "y", "x"),
        metadata={"channel_names": ["DAPI", "GFP"]},
    )
    (channel,) = segment_panel.image.channels
    assert channel.entries == [("0: DAPI", 0), ("1: GFP", 1)]
    channel.value = 1
    segment_panel.settings.threshold.value = 0.9
    segment_panel.settings.precision.value = "float32"
    segment_panel.settings.tile.value = 64
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    assert made.data.shape == (40, 50)
    options = made.metadata["napari_unet"]["options"]
    assert (options["channels"], options["threshold"], options["tile"]) == ([1], 0.9, 64)


def test_axes_are_shown_and_one_choice_mends_them(segment_panel, viewer):
    viewer.add_image(random_image(5, 40, 50), name="cells")
    assert segment_panel.image.letters == "ZYX"
    assert "5 planes" in segment_panel.image.meaning.text()
    segment_panel.image.axes.value = "CYX"
    assert "5 channels" in segment_panel.image.meaning.text()
    assert len(segment_panel.image.channels) == 1
    segment_panel.image.axes.native.setEditText("t y x")
    assert "5 time points" in segment_panel.image.meaning.text()
    assert segment_panel.image.channels == []
    segment_panel.image.axes.native.setEditText("yx")
    assert "axes do not fit" in segment_panel.image.meaning.text()


def test_the_image_is_the_newest_the_selected_or_the_chosen_one(segment_panel, viewer):
    form = segment_panel.image
    assert form.layer is None
    first = viewer.add_image(random_image(40, 50), name="first")
    assert form.layer == first
    second = viewer.add_image(random_image(40, 50), name="second")
    assert form.layer == second
    viewer.layers.selection.active = first
    assert form.layer == first
    first.name = "renamed"
    assert form.layers.current_choice == "renamed"
    viewer.layers.remove(first)
    assert form.layer == second
    viewer.layers.clear()
    assert form.layer is None


def test_probabilities_come_as_image_layers_that_are_not_offered_as_input(
    segment_panel, viewer, qtbot
):
    image = viewer.add_image(random_image(40, 50), name="cells")
    segment_panel.output.value = True
    for _ in range(2):
        segment_panel.segment_button.click()
        finish_job(segment_panel, qtbot)
    (made,) = [x for x in viewer.layers if isinstance(x, Image) and x != image]
    assert made.name == "cells P(cell)"
    assert made.data.shape == (40, 50)
    assert np.array_equal(made.data >= 0.5, labels_of(viewer)[0].data == 1)
    assert segment_panel.image.layers.offered == [image]


@pytest.mark.parametrize("where", [(1, 2), (0, 0)], ids=["later", "first"])
def test_with_many_planes_the_labels_are_the_same_wherever_one_looks(
    segment_panel, viewer, qtbot, where
):
    image = viewer.add_image(random_image(2, 3, 60, 70), name="cells")
    for axis, step in enumerate(where):
        viewer.dims.set_current_step(axis, step)
    # numbered through all planes
    segment_panel.settings.objects.value = True
    options = segment_panel.chosen()
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    wanted = finish(segment(image_of(image, "TZYX"), small_model(), options)).labels
    assert wanted.max() > 6
    assert np.array_equal(made.data, wanted)


def test_the_plane_in_view_does_not_wait_for_its_turn(slow, viewer, qtbot):
    viewer.layers.clear()
    viewer.add_image(random_image(6, 512, 512), name="cells")
    viewer.dims.set_current_step(0, 4)
    begin(slow, qtbot)
    (made,) = labels_of(viewer)
    qtbot.waitUntil(lambda: bool(made.data.any()), timeout=SECONDS)
    assert np.flatnonzero(made.data.any(axis=(1, 2))).tolist() == [4]
    slow.foot.cancel.click()
    finish_job(slow, qtbot)
    assert made.data[4].any(), "what was done is kept"


def test_a_cancelled_run_ends_early_and_the_next_run_works(slow, viewer, qtbot):
    begin(slow, qtbot)
    slow.foot.cancel.click()
    finish_job(slow, qtbot)
    assert "Cancelled" in said(slow)
    assert not labels_of(viewer)[0].metadata["napari_unet"]["complete"]
    slow.session.model = small_model()
    slow.segment_button.click()
    finish_job(slow, qtbot)
    assert "Done" in said(slow)
    assert labels_of(viewer)[-1].metadata["napari_unet"]["complete"]


def test_a_second_click_says_why_it_has_to_wait(slow, viewer, qtbot):
    begin(slow, qtbot)
    slow.segment_button.click()
    assert "Segmenting cells is still running" in said(slow)
    assert len(labels_of(viewer)) == 1
    slow.foot.cancel.click()
    finish_job(slow, qtbot)


def test_wrong_channels_are_answered_in_the_panel_and_leave_no_layer(segment_panel, viewer, qtbot):
    viewer.add_image(random_image(40, 50), name="cells")
    segment_panel.session.model = small_model(config={"in_channels": 2})
    segment_panel.segment_button.click()
    assert "takes 2" in said(segment_panel)
    assert labels_of(viewer) == []


def test_pixels_without_data_are_told_in_the_panel(segment_panel, viewer, qtbot):
    pixels = np.ones((40, 50), np.float32)
    pixels[3, 4] = np.nan
    viewer.add_image(pixels, name="cells", contrast_limits=(0, 1))
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    assert "1 pixel without data" in said(segment_panel)
    assert len(labels_of(viewer)) == 1


def test_without_an_image_the_panel_says_what_to_open(segment_panel):
    segment_panel.segment_button.click()
    assert "Open Sample" in said(segment_panel)


def test_an_unforeseen_error_is_short_with_the_details_at_hand(segment_panel, viewer, qtbot):
    def broken():
        yield from ()
        raise ZeroDivisionError("by <nothing>")

    segment_panel.session.jobs.start("breaking", broken())
    finish_job(segment_panel, qtbot)
    message = segment_panel.foot.message
    assert message.more.isVisibleTo(message)
    assert "ZeroDivisionError: by &lt;nothing&gt;" in said(segment_panel)
    assert not message.details.isVisible()
    message.more.click()
    assert message.details.isVisible()
    assert "Traceback" in message.details.toPlainText()
    message.copy.click()
    copied = QApplication.clipboard().text()
    assert all(
        word in copied for word in ("napari-unet-studio ", "torch ", "Traceback", "by <nothing>")
    )


def test_paint_on_a_result_survives_the_next_run(segment_panel, viewer, qtbot):
    viewer.add_image(random_image(40, 50), name="cells")
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    (first,) = labels_of(viewer)
    first.paint((20, 20), 1)
    painted = first.data.copy()
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    assert len(labels_of(viewer)) == 2
    assert np.array_equal(first.data, painted)


def test_renaming_or_removing_the_image_does_not_disturb_the_run(segment_panel, viewer, qtbot):
    image = viewer.add_image(random_image(20, 128, 128), name="cells")
    segment_panel.segment_button.click()
    image.name = "renamed"
    labels_of(viewer)[0].name = "mine"
    viewer.layers.remove(image)
    finish_job(segment_panel, qtbot)
    assert "Done" in said(segment_panel)
    assert labels_of(viewer)[0].name == "mine"
    assert labels_of(viewer)[0].data.any()


def test_removing_the_result_cancels_the_run(slow, viewer, qtbot):
    begin(slow, qtbot)
    viewer.layers.remove(labels_of(viewer)[0])
    finish_job(slow, qtbot)
    assert "Cancelled" in said(slow)
    assert labels_of(viewer) == []


def test_the_plan_is_shown_once_a_network_is_loaded(segment_panel, viewer, qtbot, monkeypatch):
    monkeypatch.setattr(segment_panel.plan.label, "isVisible", lambda: True)
    viewer.add_image(random_image(3, 40, 50), name="cells")
    qtbot.waitUntil(lambda: "3 tiles" in segment_panel.plan.label.text(), timeout=SECONDS)
    assert "MiB on cpu" in segment_panel.plan.label.text()
    assert segment_panel.plan.label.text().endswith("about 1 s")
    segment_panel.image.axes.native.setEditText("YX")
    qtbot.waitUntil(lambda: segment_panel.plan.label.text() == "", timeout=SECONDS)


def test_what_does_not_fit_into_memory_is_told_with_the_way_on(
    segment_panel, viewer, qtbot, monkeypatch
):
    monkeypatch.setattr("napari_unet.gui.segment.plan_row.free_memory", lambda: 1)
    viewer.add_image(random_image(40, 50), name="cells")
    words = "and 0 MiB are free. By blocks it takes"
    qtbot.waitUntil(lambda: words in segment_panel.plan.label.text(), timeout=SECONDS)


def use_half_micrometers(session):
    """Take a network that states its pixel size."""
    spec = small_model().spec.model_copy(update={"pixel_size": (0.5, 0.5)})
    session.model = replace(small_model(), spec=spec)
    session.model_changed.emit(session.model)


def test_an_image_comes_at_the_networks_pixel_size_unless_one_says_no(segment_panel, viewer, qtbot):
    rescale, session = segment_panel.settings.rescale, segment_panel.session
    assert not rescale.enabled
    use_half_micrometers(session)
    assert rescale.enabled
    assert rescale.text == "to 0.5 µm"
    image = random_image(80, 100)
    layer = viewer.add_image(image, name="cells", scale=(0.25, 0.25), units=("um", "um"))
    plan = segment_panel.plan.label
    qtbot.waitUntil(lambda: "rescaled to 40 × 50" in plan.text(), timeout=SECONDS)
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    wanted = finish(segment(image_of(layer, "YX"), session.model)).labels
    assert made.data.shape == image.shape
    assert np.array_equal(made.data, wanted)
    assert made.metadata["napari_unet"]["rescaled_shape"] == [40, 50]
    rescale.value = False
    qtbot.waitUntil(lambda: plan.text() and "rescaled" not in plan.text(), timeout=SECONDS)


def test_the_size_of_pixels_is_asked_for_where_the_image_states_none(segment_panel, viewer, qtbot):
    size, session = segment_panel.settings.pixel_size, segment_panel.session
    assert not size.enabled
    use_half_micrometers(session)
    viewer.add_image(random_image(80, 100), name="cells")
    plan = segment_panel.plan.label
    qtbot.waitUntil(lambda: "states no pixel size" in plan.text(), timeout=SECONDS)
    size.value = 0.25
    qtbot.waitUntil(lambda: "rescaled to 40 × 50" in plan.text(), timeout=SECONDS)
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    assert made.metadata["napari_unet"]["rescaled_shape"] == [40, 50]
    assert made.metadata["napari_unet"]["options"]["pixel_size"] == 0.25


@pytest.mark.usefixtures("readers")
def test_the_command_that_is_copied_gives_the_same_labels(segment_panel, viewer, qtbot, tmp_path):
    segment_panel.command_button.click()
    assert "no result yet" in said(segment_panel)
    path = tmp_path / "some cells.tif"
    tifffile.imwrite(path, random_image(60, 70))
    save_model(small_model(), tmp_path / "small.safetensors")
    segment_panel.session.source = str(tmp_path / "small.safetensors")
    viewer.open(path, plugin="napari")
    segment_panel.settings.threshold.value = 0.6
    segment_panel.settings.precision.value = "float32"
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    (made,) = labels_of(viewer)
    qtbot.waitUntil(lambda: segment_panel._last is not None, timeout=SECONDS)
    segment_panel.command_button.click()
    line = QApplication.clipboard().text()
    assert line in html.unescape(said(segment_panel))
    _, *words = shlex.split(line)
    assert CliRunner().invoke(app, words).exit_code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "some cells-labels.tif"), made.data)


def test_the_plan_says_what_overlapping_tiles_cost(segment_panel, viewer, qtbot):
    viewer.add_image(random_image(200, 200), name="cells")
    segment_panel.settings.tile.value = 64
    words = "of the work for where they overlap"
    qtbot.waitUntil(lambda: words in segment_panel.plan.label.text(), timeout=SECONDS)


def test_of_colours_a_channel_is_offered_that_was_guessed(segment_panel, viewer):
    segment_panel.session.model = small_model()
    viewer.add_image(np.zeros((40, 50, 3), np.uint8), name="rgb", rgb=True)
    (channel,) = segment_panel.image.channels
    assert segment_panel.image.chosen_channels() == ("luminance",)
    channel.value = 2
    assert segment_panel.image.chosen_channels() == (2,)


def test_the_channel_that_is_displayed_is_the_one_that_is_seen(segment_panel, viewer):
    segment_panel.session.model = small_model()
    viewer.add_image(np.zeros((3, 40, 50)), name="cells", axis_labels=("c", "y", "x"))
    viewer.dims.set_current_step(0, 1)
    (channel,) = segment_panel.image.channels
    channel.value = 2
    assert viewer.dims.current_step[0] == 2
