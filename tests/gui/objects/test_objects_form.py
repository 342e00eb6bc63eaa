"""Objects: numbered, and found anew as the sliders move."""

from __future__ import annotations

import time

import gui_kit
import numpy as np
import pytest
from gui_kit import SECONDS, finish_job, said
from napari.layers import Labels
from painted import checkers, numbered, options
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.gui.layers.images import image_of
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.relabel import relabel
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import finetune


@pytest.fixture(scope="module")
def model():
    blank = NewModel(base=4, depth=2, task="objects", name="squares")
    how = options(steps=60, learning_rate=1e-2)
    return finish(finetune([numbered(), numbered(seed=1)], blank, how)).model


@pytest.fixture
def ran(segment_panel, viewer, model, qtbot):
    """The panel after a stack was segmented with a model of objects."""
    stack = np.stack([checkers((96, 128), seed=s)[0] for s in range(3)])
    viewer.add_image(stack, name="board")
    segment_panel.session.model = model
    segment_panel.session.model_changed.emit(model)
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    qtbot.waitUntil(lambda: segment_panel._newest is None, timeout=SECONDS)
    return segment_panel


def layer(viewer):
    (found,) = [x for x in viewer.layers if isinstance(x, Labels)]
    return found


def settle(panel, qtbot):
    qtbot.waitUntil(lambda: not panel.rethreshold.busy, timeout=SECONDS)


def expected(viewer, model, **changed):
    image = image_of(viewer.layers["board"], "ZYX")
    return finish(segment(image, model, SegmentOptions(**changed))).labels


def test_the_separation_is_the_model_s_until_another_is_chosen(segment_panel, model):
    form, session = segment_panel.settings, segment_panel.session
    for separation in (0.2, 0.3):
        session.model = Model(model.spec.model_copy(update={"separation": separation}), None)
        session.model_changed.emit(session.model)
        assert form.separation.automatic == pytest.approx(separation)
        assert form.value().separation is None
    form.separation.value = 0.7
    session.model = model
    session.model_changed.emit(model)
    assert form.value().separation == 0.7


def test_objects_are_numbered_in_a_layer_of_their_own(ran, viewer, model):
    found = layer(viewer)
    assert found.name == "board objects"
    assert np.array_equal(found.data, expected(viewer, model))
    assert found.data.max() > 20
    assert found.metadata["napari_unet"]["complete"]


def test_sliders_find_objects_anew_on_the_plane_in_view_then_everywhere(ran, viewer, model, qtbot):
    before = layer(viewer).data.copy()
    here = viewer.dims.current_step[0]
    ran.settings.threshold.value = 0.8
    qtbot.waitUntil(
        lambda: ((layer(viewer).data[here] > 0) != (before[here] > 0)).any(), timeout=SECONDS
    )
    ran.settings.smallest.value = 30
    settle(ran, qtbot)
    wanted = expected(viewer, model, threshold=0.8, smallest=30)
    assert np.array_equal(layer(viewer).data, wanted)
    assert not np.array_equal(wanted, before)
    record = layer(viewer).metadata["napari_unet"]
    assert record["options"]["threshold"] == 0.8
    assert layer(viewer).editable


def test_the_plane_in_view_follows_a_slider_that_is_being_dragged(
    ran, viewer, model, qtbot, monkeypatch
):
    def slow(*args, **kwargs):
        time.sleep(0.05)
        yield from relabel(*args, **kwargs)

    monkeypatch.setattr("napari_unet.gui.objects.rethreshold.relabel", slow)
    here = viewer.dims.current_step[0]
    seen = set()
    for threshold in np.linspace(0.5, 0.95, 46):
        ran.settings.threshold.value = threshold
        qtbot.wait(30)
        seen.add(int((layer(viewer).data[here] > 0).sum()))
    assert len(seen) > 4
    settle(ran, qtbot)
    assert np.array_equal(layer(viewer).data, expected(viewer, model, threshold=0.95))


def test_each_rest_of_a_slider_is_shown_at_once(ran, viewer, qtbot):
    # all planes, which would show it too, follow much later
    ran.rethreshold._rest.setInterval(60_000)
    found, shown = layer(viewer), []
    found.events.set_data.connect(lambda _: shown.append(found.data.copy()))
    for n, threshold in enumerate((0.6, 0.7, 0.8), start=1):
        ran.settings.threshold.value = threshold
        qtbot.waitUntil(lambda n=n: len(shown) == n, timeout=3000)
    assert not np.array_equal(shown[0], shown[2])


def test_objects_are_measured_beside_the_labels(ran, viewer, qtbot):
    qtbot.waitUntil(lambda: ran.measuring.count > 0, timeout=SECONDS)
    found = layer(viewer)
    table = found.features
    assert sorted(table["index"]) == list(range(1, found.data.max() + 1))
    row = table[table["index"] == 7].iloc[0]
    assert row["area_px"] == (found.data == 7).sum()
    pixels = viewer.layers["board"].data[found.data == 7]
    assert row["intensity_mean"] == pytest.approx(pixels.mean())
    ran.centres_button.click()
    points = viewer.layers["board objects centres"]
    assert len(points.data) == len(table)
    for label, place in zip(points.features["label"], points.data, strict=True):
        expected = np.argwhere(found.data == label).mean(axis=0)
        assert place == pytest.approx(expected)


def test_objects_of_a_network_of_classes_are_measured_too(segment_panel, viewer, qtbot):
    viewer.add_image(checkers((96, 128))[0], name="board")
    assert not segment_panel.centres_button.isEnabled()
    assert "number objects" in segment_panel.centres_button.toolTip()
    segment_panel.settings.objects.value = True
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    qtbot.waitUntil(lambda: segment_panel.measuring.count > 0, timeout=SECONDS)
    found = layer(viewer)
    assert sorted(found.features["index"]) == list(range(1, found.data.max() + 1))
    segment_panel.centres_button.click()
    assert len(viewer.layers["board objects centres"].data) == found.data.max()


@pytest.mark.parametrize("objects", [True, False])
def test_results_of_a_network_of_classes_follow_the_sliders_too(
    segment_panel, viewer, qtbot, objects
):
    viewer.add_image(np.stack([checkers((96, 128), seed=s)[0] for s in range(2)]), name="board")
    segment_panel.settings.objects.value = objects
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    qtbot.waitUntil(lambda: segment_panel._newest is None, timeout=SECONDS)
    before = layer(viewer).data.copy()
    segment_panel.settings.threshold.value = 0.9
    settle(segment_panel, qtbot)
    wanted = expected(viewer, segment_panel.session.model, threshold=0.9, objects=objects)
    assert np.array_equal(layer(viewer).data, wanted)
    assert not np.array_equal(wanted, before)
    assert segment_panel.settings.smallest.enabled == objects
    assert not segment_panel.settings.separation.enabled


def test_it_is_said_when_a_result_does_not_follow(ran, viewer, qtbot):
    ran.settings.objects.value = False
    assert "Press Segment" in ran.foot.message.text.text()
    ran.foot.message.clear()
    ran.settings.objects.value = None
    layer(viewer).paint((1, 40, 40), 999)
    ran.foot.message.clear()
    ran.settings.separation.value = 0.9
    assert "painted on" in ran.foot.message.text.text()


def test_measures_follow_the_sliders(ran, viewer, qtbot):
    qtbot.waitUntil(lambda: ran.measuring.count > 0, timeout=SECONDS)
    before = len(layer(viewer).features)
    middle = layer(viewer).features["area_px"].median()
    ran.settings.smallest.value = middle + 1
    settle(ran, qtbot)
    qtbot.waitUntil(lambda: ran.measuring.count > 0, timeout=SECONDS)
    after = layer(viewer).features
    assert len(after) == layer(viewer).data.max() < before
    assert (after["area_px"] > middle).all()


def test_what_was_painted_on_stays(ran, viewer, qtbot):
    found = layer(viewer)
    found.paint((1, 40, 40), 999)
    painted = found.data.copy()
    ran.settings.separation.value = 0.9
    settle(ran, qtbot)
    assert np.array_equal(layer(viewer).data, painted)


def test_it_can_not_be_painted_on_while_it_follows(ran, viewer, qtbot):
    ran.settings.separation.value = 0.6
    assert not layer(viewer).editable
    settle(ran, qtbot)
    assert layer(viewer).editable
    assert layer(viewer).metadata["napari_unet"]["complete"]


def test_closing_the_form_in_between_hands_the_layer_over(ran, viewer, dock, qtbot):
    ran.settings.separation.value = 0.6
    dock.close(ran)
    found = layer(viewer)
    assert found.editable
    assert not found.metadata["napari_unet"]["complete"]
    numbers = [set(plane[plane > 0].tolist()) for plane in found.data]
    assert not numbers[0] & numbers[1]


def test_numbers_are_unique_while_only_one_plane_has_followed(ran, viewer, qtbot):
    ran.rethreshold._rest.setInterval(60_000)
    ran.settings.separation.value = 0.6
    qtbot.waitUntil(lambda: not ran.rethreshold._jobs.running, timeout=SECONDS)
    numbers = [set(plane[plane > 0].tolist()) for plane in layer(viewer).data]
    assert all(not a & b for a, b in ((numbers[0], numbers[1]), (numbers[1], numbers[2])))
    ran.segment_button.click()
    finish_job(ran, qtbot)
    assert layer(viewer).editable


def test_a_preview_and_a_refused_run_leave_the_sliders_at_work(ran, viewer, model, qtbot):
    ran.preview_button.click()
    finish_job(ran, qtbot)
    viewer.layers.remove("board preview")
    ran.settings.smallest.value = 30
    settle(ran, qtbot)
    assert np.array_equal(layer(viewer).data, expected(viewer, model, smallest=30))


def test_another_model_changes_no_result(ran, viewer, qtbot):
    before = layer(viewer).data.copy()
    ran.settings.threshold.value = 0.7
    settle(ran, qtbot)
    after = layer(viewer).data.copy()
    assert not np.array_equal(before, after)
    ran.session.model_changed.emit(gui_kit.small_model())
    settle(ran, qtbot)
    assert np.array_equal(layer(viewer).data, after)


def test_a_removed_layer_and_another_model_are_no_trouble(ran, viewer, model, qtbot):
    viewer.layers.remove(layer(viewer))
    ran.settings.separation.value = 0.9
    settle(ran, qtbot)
    assert not [x for x in viewer.layers if isinstance(x, Labels)]


def test_classes_of_the_same_model(ran, viewer, qtbot):
    ran.settings.objects.value = False
    ran.segment_button.click()
    finish_job(ran, qtbot)
    layers = [x for x in viewer.layers if isinstance(x, Labels)]
    assert [x.name for x in layers] == ["board objects", "board labels"]
    assert layers[1].data.max() == 1


def test_finding_nothing_is_told(ran, qtbot):
    qtbot.waitUntil(lambda: "objects" in said(ran), timeout=SECONDS)
    ran.settings.smallest.value = 1e6
    settle(ran, qtbot)
    qtbot.waitUntil(lambda: "No objects found" in said(ran), timeout=SECONDS)
