"""The whole work in one window, by clicks: on a time-lapse, with bundled networks."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from gui_kit import library as library
from gui_kit import said, wait_for_jobs
from gui_kit import viewer as viewer
from napari.layers import Labels

from napari_unet.gui.plugin import parts_of

PLUGIN = "napari-unet-studio"
PLANE = 1
PIECE = slice(2, 5), slice(444, 700), slice(256)
"""Of the time-lapse: dim nuclei, of which the network finds too little."""
SECONDS = 300_000


class Hand:
    """Clicks, and counts how often."""

    def __init__(self, qtbot):
        self.clicks = 0
        self._qtbot = qtbot

    def click(self, button):
        self._qtbot.waitUntil(button.isEnabled, timeout=SECONDS)
        self.clicks += 1
        button.click()

    def wait(self, jobs):
        wait_for_jobs(jobs, self._qtbot, SECONDS)


@pytest.fixture
def opened(shared_data, viewer, tmp_path):
    """The dock beside a piece of a time-lapse; and what is true of it."""
    folder = shared_data / "timelapse-hela"
    pixels, objects = (
        tifffile.imread(folder / f"{name}.tif")[PIECE] for name in ("stack", "objects_machine")
    )
    tifffile.imwrite(
        tmp_path / "hela.tif", pixels, photometric="minisblack", metadata={"axes": "TYX"}
    )
    viewer.open(str(tmp_path / "hela.tif"), plugin="napari")
    _, studio = viewer.window.add_plugin_dock_widget(PLUGIN, "U-Net Studio")
    return studio, (objects > 0).astype(np.uint8)


def correct(layer, truth):
    """Paint a plane of a layer as it should be, one colour after another, as the brush does."""
    for label in (1, 0):
        wrong = (layer.data[PLANE] != truth) & (truth == label)
        rows, columns = np.nonzero(wrong)
        layer.data_setitem((np.full(len(rows), PLANE), rows, columns), label)


@pytest.mark.real_training
@pytest.mark.timeout(900)
# napari's writer does not say that three planes are no colours
@pytest.mark.filterwarnings("ignore:.*stored as RGB:DeprecationWarning")
def test_segment_correct_tune_segment_again_save_and_open(
    opened, viewer, make_napari_viewer_proxy, qtbot, tmp_path
):
    studio, known = opened
    hand, session = Hand(qtbot), studio.session
    jobs, (source,) = session.jobs, viewer.layers

    # the image is open: a result in a click
    qtbot.waitUntil(lambda: "Segment" in studio.advice_label.text(), timeout=SECONDS)
    segment = studio.show_page("Segment")
    hand.click(segment.segment_button)
    qtbot.waitUntil(lambda: session.model is not None, timeout=SECONDS)
    hand.wait(jobs)
    assert hand.clicks <= 3
    found = viewer.layers[f"{source.name} objects"].data > 0
    truth = known[PLANE]
    assert iou(found[PLANE], truth) > 0.2

    # another network, which leaves more to correct
    load = studio.show_page("Load U-Net")
    load.load_text("nuclei-broad")
    hand.wait(jobs)
    hand.click(segment.segment_button)
    hand.wait(jobs)
    before = viewer.layers[f"{source.name} labels"]
    was = before.data.copy()

    annotate = studio.show_page("Annotate")
    annotate.source.result.choose(before)
    hand.click(annotate.source.correct_button)
    viewer.dims.set_current_step(0, PLANE)
    paint = annotate.annotation.layer
    correct(paint, truth)
    assert np.array_equal(before.data, was), "the result itself stays"
    hand.click(annotate.checks.plane_button)
    hand.click(annotate.finetune_button)

    tune = studio.show_page("Fine-tune")
    settings = tune.form.settings
    for name, value in {"steps": 10, "minutes": None, "patch": 96, "batch": 2}.items():
        settings[name].value = value
    hand.click(tune.form.train_button)
    hand.wait(jobs)
    result = session.training.result
    assert result is not None, said(tune)
    # a few steps of a good network are no clear gain
    assert result.better is not False, result.verdict
    assert "what you corrected" in result.verdict
    hand.click(tune.outcome.comparison.keep_button)
    hand.wait(jobs)
    assert session.source == "nuclei-broad-tuned"

    hand.click(tune.outcome.segment_button)
    hand.wait(jobs)
    now = next(layer for layer in viewer.layers if model_of(layer) == session.source)
    assert iou(now.data[PLANE], truth) >= iou(was[PLANE], truth)
    others = [t for t in range(len(known)) if t != PLANE]
    assert iou(now.data[others], known[others]) >= iou(was[others], known[others])
    assert np.array_equal(before.data, was)

    now.save(str(tmp_path / "labels.tif"))
    (again,) = viewer.open(str(tmp_path / "labels.tif"), plugin="napari", layer_type="labels")
    assert np.array_equal(again.data, now.data)
    viewer.layers.remove(again)

    folder = tmp_path / "nuclei.unetproject"
    studio.project.save(folder)
    hand.wait(studio.project.jobs)
    other = make_napari_viewer_proxy()
    reopened = parts_of(other)
    reopened.project.open(folder)
    hand.wait(reopened.project.jobs)
    hand.wait(reopened.session.jobs)
    assert [layer.name for layer in other.layers] == [layer.name for layer in viewer.layers]
    for one, same in zip(viewer.layers, other.layers, strict=True):
        if isinstance(one, Labels):
            assert np.array_equal(one.data, same.data), one.name
    assert reopened.session.model.spec.name == "nuclei-broad-tuned"


def model_of(layer):
    """The network that made a whole result, by its record."""
    record = layer.metadata.get("napari_unet", {})
    return record.get("model") if record.get("purpose", {}).get("title") != "preview" else None


def iou(labels, truth):
    found, there = labels > 0, truth > 0
    return (found & there).sum() / (found | there).sum()
