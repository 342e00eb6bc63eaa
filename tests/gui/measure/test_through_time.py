"""Objects linked through time from the panel *Measure*."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from gui_kit import SECONDS, said
from napari.layers import Labels, Tracks
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.results import result_layer
from napari_unet.gui.measure.panel import MeasurePanel

PURPOSE = {"title": "objects", "model": "small", "objects": True}


def film():
    """An object that divides in the second frame, and one that moves; numbers mean nothing."""
    labels = np.zeros((3, 30, 40), np.uint16)
    labels[0, 12:18, 16:22] = 1
    labels[1:, 12:18, 10:16] = 2
    labels[1:, 12:18, 22:28] = 3
    for t in range(3):
        labels[t, 2:7, 2 + t : 7 + t] = 9 - t
    return labels


@pytest.fixture
def image(viewer):
    pixels = np.zeros((3, 30, 40), np.float32)
    return viewer.add_image(pixels, name="film", axis_labels=("t", "y", "x"), scale=(1, 0.5, 0.5))


@pytest.fixture
def panel(viewer, session, keeper, dock, image, qtbot):
    viewer.add_labels(
        film(), name="found", scale=image.scale, metadata={"napari_unet_kind": "objects"}
    )
    made = dock(MeasurePanel(viewer, session, keeper))
    qtbot.waitUntil(lambda: made.table.rows.rowCount() > 0, timeout=SECONDS)
    return made


@pytest.fixture
def link(panel, qtbot):
    """Links the chosen labels; returns the new layer."""

    def press():
        panel.through_time.button.click()
        qtbot.waitUntil(lambda: "“film tracked”" in panel.count_label.text(), timeout=SECONDS)
        qtbot.waitUntil(lambda: "film tracks" in panel.viewer.layers, timeout=SECONDS)
        return panel.labels.layer

    return press


def test_objects_get_one_number_through_time_and_nothing_is_lost(panel, link, viewer):
    tracked = link()
    found = viewer.layers["found"]
    assert np.array_equal(found.data, film())
    assert (found.visible, tracked.visible) == (False, True)
    assert np.array_equal(tracked.data > 0, film() > 0)
    assert len({int(tracked.data[t, 4, 4 + t]) for t in range(3)}) == 1
    assert np.allclose(tracked.scale, found.scale)
    mother, *daughters = (tracked.data[t, 15, x] for t, x in ((0, 18), (1, 12), (1, 25)))
    tracks = next(layer for layer in viewer.layers if isinstance(layer, Tracks))
    assert tracks.graph == {int(each): [int(mother)] for each in daughters}
    assert np.allclose(tracks.scale, found.scale)
    one = tracks.data[:, 0] == daughters[0]
    colours = tracks._track_colors[tracks._manager.track_ids == daughters[0]]
    assert np.allclose(colours[0], tracked.get_color(int(daughters[0])))
    assert one.sum() == 2
    assert "8 objects</b> in 4 tracks" in panel.count_label.text()
    columns = panel.table.rows.columns
    assert list(columns)[:3] == ["track", "parent", "t"]
    assert set(columns["parent"][np.isin(columns["track"], daughters)]) == {int(mother)}


def test_linking_again_replaces_only_what_was_not_painted_on(panel, link, viewer, keeper, qtbot):
    first = link()
    panel.labels.choose(viewer.layers["found"])
    qtbot.waitUntil(lambda: "“found”" in panel.count_label.text(), timeout=SECONDS)
    assert link() == first
    first.data_setitem((np.array([0]), np.array([0]), np.array([0])), 77)
    assert keeper.painted(first)
    panel.labels.choose(viewer.layers["found"])
    qtbot.waitUntil(lambda: "“found”" in panel.count_label.text(), timeout=SECONDS)
    panel.through_time.button.click()
    qtbot.waitUntil(
        lambda: panel.labels.layer not in (first, viewer.layers["found"]), timeout=SECONDS
    )
    assert first in viewer.layers
    assert first.data[0, 0, 0] == 77
    assert len([layer for layer in viewer.layers if isinstance(layer, Tracks)]) == 1


def test_corrected_tracks_are_saved_for_the_challenge(panel, link, tmp_path, qtbot):
    assert not panel.save_row.buttons["tracks"].isEnabled()
    tracked = link()
    qtbot.waitUntil(panel.save_row.buttons["tracks"].isEnabled, timeout=SECONDS)
    mover = int(tracked.data[0, 4, 4])
    tracked.data[2][tracked.data[2] == mover] = 0
    panel.save_row.save("tracks", tmp_path / "01", 1)
    qtbot.waitUntil(lambda: "Saved" in said(panel), timeout=SECONDS)
    folder = tmp_path / "01_GT"
    lines = [list(map(int, x.split())) for x in (folder / "man_track.txt").read_text().splitlines()]
    assert sorted(line[1:3] for line in lines) == [[0, 0], [0, 1], [1, 2], [1, 2]]
    assert len({line[3] for line in lines}) == 2
    assert tifffile.imread(folder / "man_track002.tif").max() <= 4


def test_a_result_is_counted_once_it_is_complete(viewer, session, keeper, dock, image, qtbot):
    panel = dock(MeasurePanel(viewer, session, keeper))
    placed = place(image, "TYX")
    for _ in range(2):
        result = result_layer(viewer, image, placed, np.dtype(np.uint16), PURPOSE, {})
        result.write((slice(0, 1), slice(0, 30), slice(0, 40)), film()[:1])
        assert "is being filled in" in panel.count_label.text()
        panel.measure_button.click()
        assert "is being filled in" in said(panel)
        assert not panel.through_time.button.isEnabled()
        result.write((slice(0, 3), slice(0, 30), slice(0, 40)), film())
        result.finish({"complete": True, "purpose": PURPOSE})
        qtbot.waitUntil(lambda: "8 objects" in panel.count_label.text(), timeout=SECONDS)
    assert len([layer for layer in viewer.layers if isinstance(layer, Labels)]) == 1


def test_a_result_that_was_stopped_is_not_counted_until_it_is_mended(
    viewer, session, keeper, dock, image, qtbot
):
    panel = dock(MeasurePanel(viewer, session, keeper))
    placed = place(image, "TYX")
    result = result_layer(viewer, image, placed, np.dtype(np.uint16), PURPOSE, {})
    result.write((slice(0, 1), slice(0, 30), slice(0, 40)), np.minimum(film()[:1], 1))
    result.finish({"complete": False, "purpose": PURPOSE})
    qtbot.waitUntil(lambda: "stopped before" in panel.count_label.text(), timeout=SECONDS)
    panel.measure_button.click()
    assert "Press Segment again" in said(panel)
    result.layer.data[0, 2:7, 2:7] = 5
    panel.measure_button.click()
    qtbot.waitUntil(lambda: "2 objects" in panel.count_label.text(), timeout=SECONDS)


def test_without_a_time_axis_the_button_says_what_to_do(viewer, session, keeper, dock, qtbot):
    viewer.add_image(np.zeros((3, 30, 40), np.float32), axis_labels=("z", "y", "x"))
    viewer.add_labels(film(), metadata={"napari_unet_kind": "objects"})
    panel = dock(MeasurePanel(viewer, session, keeper))
    qtbot.waitUntil(lambda: panel.table.rows.rowCount() > 0, timeout=SECONDS)
    assert not panel.through_time.button.isEnabled()
    assert "write T for it" in panel.through_time.button.toolTip()
