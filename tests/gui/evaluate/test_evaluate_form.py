"""*How good is it?* in *Segment*: a result beside true labels."""

from __future__ import annotations

import json
import re
import shlex
from functools import partial

import numpy as np
import pytest
import tifffile
from annotate_kit import record
from gui_kit import SECONDS, finish_job, random_image, said
from qtpy.QtWidgets import QApplication
from superqt import QCollapsible
from typer.testing import CliRunner
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import readers as readers
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet import Image, LabelPair, finish
from napari_unet.cli import app
from napari_unet.gui.evaluate.comparison import ALIGN
from napari_unet.gui.evaluate.score_tables import colour_of
from napari_unet.gui.layers.purpose import KIND, only_shows
from napari_unet.jobs import compare_labels
from napari_unet.services.evaluation.mistakes import EXTRA, HIT, MERGE, MISS, NAMES, SPLIT
from napari_unet.services.library import DEFAULT

SHAPE = (60, 100)


def truth():
    """Six squares, and a wide one below."""
    labels = np.zeros(SHAPE, np.uint16)
    for i, left in enumerate(range(5, 95, 15), 1):
        labels[10:20, left : left + 10] = i
    labels[40:50, 40:60] = 9
    return labels


def found():
    """The same with one missed, two merged, one split, and one too many."""
    labels = truth()
    labels[labels == 1] = 0
    labels[10:20, 20:45] = 30
    labels[40:50, 50:60] = 31
    labels[30:35, 5:15] = 32
    return labels


@pytest.fixture
def panel(segment_panel):
    """Segment, with the part unfolded."""
    fold = next(
        f for f in segment_panel.findChildren(QCollapsible) if f.text() == "How good is it?"
    )
    assert not fold.isExpanded()
    fold.expand(animate=False)
    return segment_panel


@pytest.fixture
def form(panel):
    """What is compared."""
    return panel.evaluation.form


@pytest.fixture
def layers(viewer, form):
    """A result of objects over its image, and the true labels as a TIFF of 16 bits is opened."""
    scale = {"scale": (0.5, 0.5)}
    image = viewer.add_image(random_image(*SHAPE), name="cells", **scale)
    tag = record(objects=True)
    tag["napari_unet"]["source"] = str(image.unique_id)
    result = viewer.add_labels(found(), name="cells objects", metadata=tag, **scale)
    return image, result, viewer.add_image(truth(), name="true", **scale)


def evaluate(panel, qtbot):
    """Press *Evaluate*, wait, and return what the scores say."""
    panel.evaluation.evaluate_button.click()
    finish_job(panel, qtbot)
    return panel.evaluation.view.scores.text()


def numbers(words):
    """The cells of a table of scores, a list for each row."""
    rows = re.findall(r"<tr>(.*?)</tr>", words)
    return [
        [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row)]
        for row in rows
    ]


def of_service(prediction, true, axes, kind="objects", **more):
    """The scores of the same arrays from the command line's service."""
    pair = LabelPair(Image(prediction, axes), true, **more)
    return finish(compare_labels([pair], kind))


def check_objects(words, scores):
    """What is shown are the scores of the service."""
    pooled = scores.objects.scores.pooled
    at = [0, 5, 8]
    assert pooled.thresholds[at].tolist() == [0.5, 0.75, 0.9]
    rows = {row[0].lstrip("■ "): row[1:] for row in numbers(words)}
    for name, values in (("found", pooled.tp), ("missed", pooled.fn), ("extra", pooled.fp)):
        assert rows[name] == [f"{n:,}" for n in values[0, at]]
    for name, values in (("AP", pooled.ap), ("mean matched IoU", pooled.mean_matched_iou)):
        assert rows[name] == ["–" if np.isnan(v) else f"{v:.3f}" for v in values[0, at]]
    plain = words.replace("</span>", "")
    assert f"■ {pooled.merges[0]} merged" in plain
    assert f"■ {pooled.splits[0]} split" in plain
    assert f"SEG {pooled.seg[0]:.3f}" in plain


def test_objects_against_a_tiff_that_was_opened_as_an_image(panel, form, layers, viewer, qtbot):
    _, result, true = layers
    assert form.result.layer == result
    assert form.kind.value == "objects"
    # an image may hold anything: it is offered, but not chosen; that of the result never is
    assert form.truth.offered == [true]
    assert form.truth.layer is None
    assert not panel.evaluation.view.mistakes.isEnabled()
    assert form.truth.choose(true)
    words = evaluate(panel, qtbot)
    scores = of_service(found(), truth(), "YX")
    check_objects(words, scores)
    assert "“cells objects” against “true”" in words
    assert "7 true objects in 1 plane" in words
    assert said(panel) == ""


def test_mistakes_are_shown_in_the_colours_of_the_scores(panel, form, layers, viewer, qtbot):
    image, result, true = layers
    form.truth.choose(true)
    words = evaluate(panel, qtbot)
    viewer.layers.selection.active = image
    panel.evaluation.view.mistakes.click()
    made = viewer.layers["cells objects mistakes"]
    assert viewer.layers.selection.active == image
    assert np.array_equal(made.extent.world, result.extent.world)
    assert (result.visible, true.visible, image.visible) == (False, False, True)
    for y, x, state in (
        (15, 8, MISS),
        (32, 8, EXTRA),
        (15, 30, MERGE),
        (45, 45, SPLIT),
        (15, 52, HIT),
    ):
        assert made.data[y, x] == state
        red, green, blue, _ = (round(255 * float(part)) for part in made.get_color(state))
        assert f"#{red:02x}{green:02x}{blue:02x}" == colour_of(state)
        assert colour_of(state) in words
        told = partial(made.get_status, made.data_to_world((y, x)), world=True)
        qtbot.waitUntil(lambda told=told, state=state: NAMES[state] in str(told()))
    # it only shows something: neither paint, nor a result, nor true labels
    assert only_shows(made)
    assert made not in form.result.offered
    assert made not in form.truth.offered
    result.data = truth()
    evaluate(panel, qtbot)
    panel.evaluation.view.mistakes.click()
    assert [x for x in viewer.layers if "mistakes" in x.name] == [made]
    assert set(np.unique(made.data)) == {0, HIT}
    # nor does it cover what is found next
    made.visible = True
    panel.segment_button.click()
    finish_job(panel, qtbot)
    qtbot.waitUntil(lambda: not made.visible, timeout=SECONDS)


def test_classes_that_followed_a_slider_are_not_those_of_the_scores(panel, form, viewer, qtbot):
    viewer.add_image(random_image(*SHAPE), name="cells")
    panel.segment_button.click()
    finish_job(panel, qtbot)
    qtbot.waitUntil(lambda: panel.rethreshold.current is not None, timeout=SECONDS)
    form.truth.choose(viewer.add_labels((truth() > 0).astype(np.uint8), name="true"))
    evaluate(panel, qtbot)
    assert not panel.evaluation.view.changed.isVisible()
    panel.settings.threshold.value = 0.9
    qtbot.waitUntil(panel.evaluation.view.changed.isVisible, timeout=SECONDS)


def test_classes_have_the_names_of_the_result(panel, form, viewer, qtbot):
    names = {"index": [0, 1, 2], "class": ["background", "cell", "wall"]}
    shown = np.random.default_rng(1).integers(0, 3, SHAPE, np.uint8)
    true = np.where(np.random.default_rng(2).random(SHAPE) < 0.2, 0, shown)
    viewer.add_labels(shown, name="found", features=names, metadata=record(objects=False))
    viewer.add_labels(true, name="true")
    assert form.kind.value == "classes"
    # labels that we have not made are chosen by themselves
    assert form.truth.layer.name == "true"
    words = evaluate(panel, qtbot)
    scores = of_service(shown, true, "YX", "classes")
    wanted = [[f"{score.iou:.3f}", f"{score.dice:.3f}"] for score in scores.classes]
    assert numbers(words) == [
        ["", "IoU", "Dice"],
        *([name, *row] for name, row in zip(names["class"], wanted, strict=True)),
    ]
    assert f"IoU {scores.iou:.3f}, Dice {scores.dice:.3f}" in words
    panel.evaluation.view.mistakes.click()
    made = viewer.layers["found mistakes"]
    assert np.array_equal(made.data == EXTRA, shown != true)


def test_strokes_are_taken_as_such(panel, form, viewer, qtbot):
    result = viewer.add_labels((truth() > 0).astype(np.uint8), metadata=record(objects=False))
    strokes = np.zeros(SHAPE, np.uint8)
    strokes[15, :30], strokes[2] = 2, 1
    viewer.add_labels(strokes, name="paint", metadata={KIND: "scribbles"})
    assert form.kind.value == "scribbles"
    words = evaluate(panel, qtbot)
    scores = of_service(result.data, strokes, "YX", "scribbles")
    assert f"{scores.classes[1].iou:.3f}" in words


def test_only_what_is_checked_counts_of_what_is_corrected(
    viewer, panel, form, annotate_panel, qtbot
):
    image = viewer.add_image(random_image(3, *SHAPE), name="cells", axis_labels=("t", "y", "x"))
    tag = record(objects=True)
    tag["napari_unet"]["source"] = str(image.unique_id)
    result = viewer.add_labels(np.stack([found()] * 3), name="cells objects", metadata=tag)
    annotate = annotate_panel
    annotate.source.correct_button.click()
    corrected = annotate.annotation.layer
    corrected.data = np.stack([truth(), found(), found()])
    assert (form.result.layer, form.truth.layer) == (result, corrected)
    words = evaluate(panel, qtbot)
    check_objects(words, of_service(result.data, corrected.data, "TYX"))
    viewer.dims.set_current_step(0, 0)
    annotate.checks.plane_button.click()
    words = evaluate(panel, qtbot)
    assert "where checked" in words
    assert "in 1 plane" in words
    check_objects(words, of_service(found(), truth(), "YX"))
    annotate.let_go()


def test_only_layers_that_fit_are_offered_and_the_others_have_a_reason(form, layers, viewer):
    _, _, true = layers
    viewer.add_image(truth().astype(np.float32), name="decimal")
    small = viewer.add_labels(truth()[:50], name="small")
    assert form.truth.offered == [true]
    told = form.reasons_label.text()
    assert "60 × 100 pixels" in told
    assert "“decimal”: decimal numbers" in told
    assert "“small”: 50 × 100 pixels" in told
    # of another result, others fit
    form.result.choose(small)
    assert form.truth.offered == []
    assert "“cells objects”: 60 × 100 pixels" in form.reasons_label.text()


def test_wrong_pairs_are_explained(panel, form, layers, viewer, qtbot):
    _, result, true = layers
    panel.evaluation.evaluate_button.click()
    assert "No true labels are chosen" in said(panel)
    form.truth.choose(true)
    true.data = truth()[:50]
    panel.evaluation.evaluate_button.click()
    assert "has another shape" in said(panel)
    assert "(50, 100)" in said(panel)
    # it is not offered any more
    assert form.truth.layer is None
    true.data = truth()
    form.truth.reset_choices()
    form.truth.choose(true)
    true.data = truth().astype(np.float32)
    panel.evaluation.evaluate_button.click()
    assert "whole numbers" in said(panel)
    assert "Convert" in said(panel)
    true.data = truth()
    form.truth.reset_choices()
    form.truth.choose(true)
    result.data = -found().astype(np.int32)
    evaluate(panel, qtbot)
    assert "negative" in said(panel)
    result.data = found()
    form.kind.value = "classes"
    true.data = truth().astype(np.int32) * 100
    evaluate(panel, qtbot)
    assert "not classes" in said(panel)
    viewer.layers.clear()
    panel.evaluation.evaluate_button.click()
    assert "no result" in said(panel)


def test_true_labels_that_lie_elsewhere_are_laid_on_the_result(panel, form, layers, viewer, qtbot):
    _, result, true = layers
    shown = form._rows.isRowVisible
    form.truth.choose(true)
    assert not shown(form.align_button)
    viewer.layers.remove(true)
    true = viewer.add_image(truth(), name="no scale")
    form.truth.choose(true)
    assert shown(form.align_button)
    panel.evaluation.evaluate_button.click()
    assert "not as large" in said(panel)
    assert ALIGN in said(panel)
    form.align_button.click()
    assert not shown(form.align_button)
    assert np.array_equal(true.extent.world, result.extent.world)
    check_objects(evaluate(panel, qtbot), of_service(found(), truth(), "YX"))


def test_scores_say_when_they_are_out_of_date(panel, form, layers, viewer, qtbot):
    _, result, true = layers
    view = panel.evaluation.view
    form.truth.choose(true)
    evaluate(panel, qtbot)
    viewer.dims.set_point(0, 1)
    result.refresh()
    assert not view.changed.isVisible()
    result.data_setitem((np.array([0]), np.array([0])), 77)
    assert view.changed.isVisible()
    assert "“cells objects” has changed" in view.changed.text()
    evaluate(panel, qtbot)
    assert not view.changed.isVisible()
    true.data = found()
    assert "“true” has changed" in view.changed.text()


@pytest.mark.parametrize("what", ["remove", "rename", "replace", "paint", "cancel", "close"])
def test_layers_may_change_while_they_are_compared(what, panel, form, viewer, dock, qtbot):
    stack = np.stack([found()] * 200)
    result = viewer.add_labels(stack, name="found", metadata=record(objects=True))
    true = viewer.add_labels(np.stack([truth()] * 200), name="true")
    image = viewer.add_image(random_image(200, *SHAPE), axis_labels=("t", "y", "x"), name="cells")
    assert (form.result.layer, form.truth.layer) == (result, true)
    panel.evaluation.evaluate_button.click()
    qtbot.waitUntil(lambda: panel.foot.bar.value() > 0 or not panel.session.jobs.running)
    if what == "remove":
        for layer in (result, true, image):
            viewer.layers.remove(layer)
    elif what == "rename":
        result.name = "another"
    elif what == "replace":
        result.data, true.data = stack[:2, :9], stack[:3]
    elif what == "paint":
        result.data_setitem((np.array([150]), np.array([0]), np.array([0])), 77)
    elif what == "cancel":
        panel.foot.cancel.click()
    else:
        session = panel.session
        dock.close(panel)
        qtbot.waitUntil(lambda: not session.jobs.at_work, timeout=SECONDS)
        # what was started later has its turn
        qtbot.wait(50)
        return
    finish_job(panel, qtbot)
    words = panel.evaluation.view.scores.text()
    if what == "cancel":
        assert "Cancelled" in said(panel)
        assert words == ""
        return
    assert said(panel) == ""
    assert "1,400 true objects in 200 planes" in words
    assert panel.evaluation.view.changed.isVisible() == (what in ("replace", "paint"))
    assert "“found” against “true”" in words
    panel.evaluation.view.mistakes.click()
    made = viewer.layers[-1]
    assert "mistakes" in made.name
    assert made.data.shape == stack.shape
    panel.evaluation.view.forget()


def test_objects_of_a_2d_network_are_compared_plane_by_plane(panel, form, viewer, qtbot):
    volume = np.stack([truth(), np.where(truth() > 0, truth() + 20, 0)]).astype(np.uint16)
    true = np.stack([truth(), truth()])
    tag = record(objects=True)
    result = viewer.add_labels(volume, name="found", metadata=tag)
    viewer.add_labels(true, name="true")
    # by the record, else by the U-Net that is loaded
    for axes, spatial, unit in (
        ("YX", "YX", "2 planes"),
        ("ZYX", "ZYX", "1 volume"),
        (None, "YX", "2 planes"),
    ):
        told = {**tag["napari_unet"], **({} if axes is None else {"axes": axes})}
        result.metadata = {"napari_unet": told}
        words = evaluate(panel, qtbot)
        assert unit in words
        check_objects(words, of_service(volume, true, "ZYX", spatial=spatial))


@pytest.mark.usefixtures("readers")
def test_labels_from_files_are_told_as_a_command(panel, form, viewer, qtbot, tmp_path, monkeypatch):
    view = panel.evaluation.view
    stack, true = np.stack([found(), *[truth()] * 4]), np.stack([truth()] * 5)
    for name, labels in (("found", stack), ("true", true)):
        tifffile.imwrite(tmp_path / f"{name}.tif", labels, imagej=True, metadata={"axes": "TYX"})
        viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari", layer_type="labels")
    form.result.choose(viewer.layers["found"])
    form.truth.choose(viewer.layers["true"])
    form.kind.value = "objects"
    assert not view.command.isVisible()
    words = evaluate(panel, qtbot)
    check_objects(words, of_service(stack, true, "TYX"))
    view.command.click()
    line = QApplication.clipboard().text()
    assert line.startswith("napari-unet evaluate --predicted")
    monkeypatch.setenv("COLUMNS", "200")
    told = CliRunner().invoke(app, [*shlex.split(line)[1:], "--json", "-"])
    assert told.exit_code == 0, told.output
    scores = json.loads(told.output)["objects"]
    assert scores == json.loads(json.dumps(of_service(stack, true, "TYX").as_dict()))["objects"] | {
        "images": scores["images"]
    }
    viewer.layers["true"].data[1, :30] = 0
    evaluate(panel, qtbot)
    view.command.click()
    assert "true.tif holds other labels" in said(panel)


def test_a_real_timelapse_is_compared(shared_data, panel, form, viewer, qtbot):
    folder = shared_data / "timelapse-hela"
    true = tifffile.imread(folder / "objects_machine.tif")
    altered = np.roll(true, 2, axis=-1)
    altered[:, :200] = 0
    # one that is there from the start
    altered[altered == np.unique(true[0])[5]] = np.unique(true[0])[6]
    viewer.add_image(
        tifffile.imread(folder / "stack.tif"), name="hela", axis_labels=("t", "y", "x")
    )
    result = viewer.add_labels(altered, name="altered", metadata=record(objects=True))
    viewer.add_labels(true, name="true")
    assert form.result.layer == result
    words = evaluate(panel, qtbot)
    scores = of_service(altered, true, "TYX")
    check_objects(words, scores)
    assert 0.1 < scores.objects.scores.pooled.ap[0, 0] < 0.9


@pytest.mark.usefixtures("readers")
def test_the_bundled_network_is_judged_on_real_nuclei(shared_data, panel, form, viewer, qtbot):
    folder = shared_data / "nuclei-dsb2018"
    path = sorted((folder / "images").iterdir())[3]
    viewer.open(str(path), plugin="napari")
    panel.session.library = type(panel.session.library)(panel.session.library.folder)
    panel.session.load(DEFAULT)
    finish_job(panel, qtbot)
    panel.segment_button.click()
    finish_job(panel, qtbot)
    result = viewer.layers[-1]
    qtbot.waitUntil(lambda: not panel.measuring.busy, timeout=SECONDS)
    (true,) = viewer.open(str(folder / "masks" / path.name), plugin="napari")
    assert form.result.layer == result
    form.truth.choose(true)
    assert form.truth.layer == true
    words = evaluate(panel, qtbot)
    check_objects(words, of_service(result.data, np.asarray(true.data), "YX"))
    panel.settings.threshold.value = 0.9
    qtbot.waitUntil(lambda: panel.evaluation.view.changed.isVisible(), timeout=SECONDS)
    assert "has changed" in panel.evaluation.view.changed.text()
