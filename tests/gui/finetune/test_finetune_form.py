"""The form of *Fine-tune*: what is painted where, what it means, where it applies, what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from finetune_kit import SIZE, discs, preview, quick, scribbles, summary, train, wait_for_summary
from finetune_kit import painted_panel as painted_panel
from finetune_kit import panel as panel
from gui_kit import SECONDS, said, small_model
from napari.layers._source import layer_source
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSlider
from windowless import dock as dock
from windowless import library as library
from windowless import viewer as viewer

from napari_unet.core.annotations.regions import Region
from napari_unet.core.progress import Progress, finish
from napari_unet.gui.finetune.curves import POINTS, thinned
from napari_unet.gui.finetune.form.request import look_job
from napari_unet.gui.layers.annotation_layers import new_annotation_layer
from napari_unet.gui.layers.diameter import KeptDiameter, keep_diameter
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.layers.layer_pair import regions_of
from napari_unet.gui.layers.purpose import KIND
from napari_unet.gui.layers.snapshots import snapshot
from napari_unet.services.checking.finding import Finding
from napari_unet.services.training.options import PRESET_FIELDS, PRESETS, FinetuneOptions


def first(panel):
    return panel.form.pairs.first


def say(panel, qtbot):
    """What the summary says once the form is left alone."""
    form = panel.form.summary
    # a look at what there was before would come in between
    qtbot.waitUntil(
        lambda: not (form._planner.running or form._watch._timer.isActive()), timeout=SECONDS
    )
    form.summary_label.clear()
    panel.form.summary.form_changed()
    qtbot.waitUntil(lambda: bool(summary(panel)), timeout=SECONDS)
    return summary(panel)


def test_without_image_or_paint_the_form_says_what_to_do(panel, viewer, qtbot):
    wait_for_summary(panel, "There is no image", qtbot)
    panel.form.train_button.click()
    assert "Open Sample" in said(panel)
    viewer.add_image(discs()[0], name="cells")
    wait_for_summary(panel, "New annotation", qtbot)
    panel.form.train_button.click()
    assert "There is no annotation yet" in said(panel)
    first(panel).new_button.click()
    wait_for_summary(panel, "Nothing painted yet", qtbot)
    panel.form.train_button.click()
    qtbot.waitUntil(lambda: "Nothing has been painted yet" in said(panel), timeout=SECONDS)
    assert panel.form.isVisibleTo(panel)


def test_what_changes_during_an_inspection_is_inspected_too(painted_panel, qtbot, monkeypatch):
    panel, module = painted_panel, "napari_unet.gui.finetune.form.annotation_summary"

    def slow_job(*arguments, **options):
        while not panel.form.settings.classes.value:
            yield Progress(0, 0)
        return (yield from look_job(*arguments, **options))

    monkeypatch.setattr(f"{module}.look_job", slow_job)
    summary = panel.form.summary
    summary.form_changed()
    qtbot.waitUntil(lambda: summary._planner.running, timeout=SECONDS)
    panel.form.settings.classes.value = ("nucleus", "membrane")
    wait_for_summary(panel, "No membrane painted yet (label 3)", qtbot)


def test_labels_of_another_shape_are_named(panel, viewer, qtbot):
    viewer.add_image(discs()[0], name="cells")
    viewer.add_labels(np.ones((SIZE // 2, SIZE // 2), int), name="small labels")
    assert "2× smaller along Y" in say(panel, qtbot)
    panel.form.train_button.click()
    qtbot.waitUntil(lambda: "2× smaller" in said(panel), timeout=SECONDS)


def test_labels_smaller_by_a_whole_factor_are_resampled_at_a_click(panel, viewer, qtbot):
    image, inside = discs()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5), translate=(3, 4))
    painted = scribbles(inside)[::2, ::2]
    viewer.add_labels(painted, name="small", metadata={KIND: "scribbles"})
    form = first(panel)
    assert not form.resample_button.isHidden()
    form.resample_button.click()
    made = form.labels.layer
    assert made.name == "small resampled"
    assert np.array_equal(made.data, painted.repeat(2, 0).repeat(2, 1))
    assert np.array_equal(made.scale, (0.5, 0.5))
    assert "strokes" in say(panel, qtbot)
    assert form.resample_button.isHidden()
    assert not viewer.layers["small"].visible
    assert np.array_equal(viewer.layers["small"].data, painted)


def test_only_a_whole_factor_is_offered(panel, viewer):
    viewer.add_image(discs()[0], name="cells")
    viewer.add_labels(np.ones((SIZE - 1, SIZE), int), name="other")
    assert first(panel).resample_button.isHidden()


def test_labels_of_another_scale_or_place_are_named(panel, viewer, qtbot):
    image, inside = discs()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5), translate=(3, 4))
    layer = viewer.add_labels(scribbles(inside), name="paint", scale=(0.5, 0.5), translate=(3, 4))
    assert "strokes" in say(panel, qtbot)
    layer.translate = (3, 6)
    assert "4 pixels along X" in say(panel, qtbot)
    layer.translate, layer.scale = (3, 4), (1, 0.5)
    assert "2 times as large along Y" in say(panel, qtbot)


def test_labels_of_another_scale_or_place_are_laid_on_the_image_at_a_click(panel, viewer, qtbot):
    image, inside = discs()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5), translate=(3, 4))
    form = first(panel)
    for given in ({"scale": (1, 1)}, {"scale": (0.5, 0.5), "translate": (0, 4)}):
        layer = viewer.add_labels(scribbles(inside), name="paint", **given)
        assert form.labels.layer == layer
        assert not form.align_button.isHidden()
        assert "pixel by pixel" in say(panel, qtbot)
        form.align_button.click()
        assert form.align_button.isHidden()
        assert np.array_equal(layer.scale, (0.5, 0.5))
        assert np.array_equal(layer.translate, (3, 4))
        assert "strokes" in say(panel, qtbot)
    assert first(panel).resample_button.isHidden()


def test_the_same_pair_twice_is_refused(painted_panel, qtbot):
    panel = painted_panel
    panel.form.pairs.add_button.click()
    assert "Two pairs are the same" in say(panel, qtbot)
    panel.form.pairs.forms[1].remove_button.click()
    assert "strokes" in say(panel, qtbot)


def test_labels_beyond_the_classes_are_named(painted_panel, qtbot):
    layer = first(painted_panel).labels.layer
    layer.data[3:6, 3:6] = 7
    assert "beyond the model's classes: 7" in say(painted_panel, qtbot)
    painted_panel.form.train_button.click()
    qtbot.waitUntil(lambda: "beyond the model" in said(painted_panel), timeout=SECONDS)
    painted_panel.form.start.network.value = 2
    assert "class 6" in say(painted_panel, qtbot), "a new network has as many as were painted"


def test_the_kind_is_kept_in_the_layer(painted_panel, viewer, qtbot):
    form = first(painted_panel)
    scribbled = form.labels.layer
    assert form.kind.value == "scribbles"
    made = viewer.add_labels(
        discs()[1].astype(int), name="cells labels", metadata={"napari_unet": {"purpose": {}}}
    )
    assert form.labels.layer == scribbled, "a result that comes is not learnt in place of paint"
    form.labels.choose(made)
    assert form.kind.value == "classes"
    form.kind.value = "objects"
    assert made.metadata[KIND] == "objects"
    viewer.layers.selection.active = scribbled
    assert form.kind.value == "scribbles"
    viewer.layers.selection.active = made
    assert form.kind.value == "objects"


def test_objects_train_too(painted_panel, viewer, qtbot):
    _, inside = discs()
    numbers = np.zeros(inside.shape, int)
    for row in range(4):
        for column in range(4):
            part = (slice(24 * row, 24 * row + 24), slice(24 * column, 24 * column + 24))
            numbers[part][inside[part]] = 1 + 4 * row + column
    viewer.add_labels(numbers, name="objects")
    first(painted_panel).kind.value = "objects"
    wait_for_summary(painted_panel, "16 objects", qtbot)
    assert train(painted_panel, qtbot).after


def test_a_region_is_where_the_shape_lies_whatever_the_scales(panel, viewer, qtbot):
    image, inside = discs()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5), translate=(10, 20))
    viewer.add_labels(
        inside.astype(int),
        name="all",
        scale=(0.5, 0.5),
        translate=(10, 20),
        metadata={KIND: "classes"},
    )
    shapes = viewer.add_shapes(name="checked", scale=(2, 2))
    region = first(panel).region
    assert region.layer is None
    region.choose(shapes)
    assert "has no shapes yet" in say(panel, qtbot)
    # pixels 0 to 47 of both axes, in the coordinates of the shapes
    corners = (
        np.array([[-0.5, -0.5], [-0.5, 47.5], [47.5, 47.5], [47.5, -0.5]]) * 0.5 + (10, 20)
    ) / 2
    shapes.add_rectangles(corners)
    there = int(inside[:48, :48].sum())
    assert f"background {48 * 48 - there:,}, cell {there:,}" in say(panel, qtbot)
    shapes.add_lines(corners[:2])
    assert "no area" in say(panel, qtbot)
    shapes.data = [corners + 1000]
    assert "outside" in say(panel, qtbot)


@pytest.mark.parametrize(
    ("axes", "shape", "corner", "spans"),
    [
        ("ZYX", (5, 20, 20), (3,), {"Z": (3, 4)}),
        ("CZYX", (2, 5, 20, 20), (3,), {"Z": (3, 4)}),
        ("ZCYX", (5, 2, 20, 20), (3, 0), {"Z": (3, 4)}),
        ("ZYX", (5, 20, 20), (), {}),
    ],
)
def test_a_shape_reaches_over_the_planes_it_was_drawn_on(viewer, axes, shape, corner, spans):
    from napari_unet.gui.layers.images import image_of

    source = viewer.add_image(np.zeros(shape), name="cells")
    plane = [[2, 2], [2, 8], [8, 8], [8, 2]]
    shapes = viewer.add_shapes([[*corner, *at] for at in plane], shape_type="polygon")
    (region,) = regions_of(shapes, source, image_of(source, axes))
    assert region == Region(tuple((float(y), float(x)) for y, x in plane), spans)


@pytest.mark.parametrize("axes", ["CYX", "YXC", "ZCYX", "CZYX", "TYX"])
def test_a_new_paint_layer_has_the_labels_of_the_image(panel, viewer, qtbot, axes):
    sizes = {"T": 3, "Z": 3, "C": 2, "Y": 40, "X": 50}
    image = np.random.default_rng(0).integers(0, 255, [sizes[a] for a in axes], dtype=np.uint8)
    labels = tuple(a.lower() for a in axes)
    viewer.add_image(image, name="cells", axis_labels=labels, scale=[0.5] * len(axes))
    form = first(panel)
    form.new_button.click()
    pair = form.pair()
    assert pair.paint().shape == pair.image.label_shape
    pair.paint()[..., 5:9, 5:9] = 1
    pair.paint()[..., 20:29, 5:9] = 2
    form.labels.layer.refresh()
    assert "background 16" in say(panel, qtbot) or "background 48" in summary(panel)
    quick(panel, steps=2)
    train(panel, qtbot)
    assert panel.session.training.result is not None, said(panel)


def test_labels_in_a_zarr_array_are_handed_over_as_they_are(panel, viewer, qtbot):
    image, inside = discs()
    viewer.add_image(np.stack([image, image]), name="cells")
    paint = zarr.array(np.stack([scribbles(inside)] * 2), chunks=(1, 48, 48))
    viewer.add_labels(paint, name="paint")
    assert "2 planes" in say(panel, qtbot)
    pair = first(panel).pair()
    (annotation,) = finish(snapshot([pair], [pair.paint()]))
    assert annotation.paint is pair.labels.data
    same = (annotation,)
    assert finish(snapshot([pair], [pair.paint()], same, stroked=False)) is same
    assert finish(snapshot([pair], [pair.paint()], same, stroked=True)) is not same
    quick(panel, steps=2)
    assert train(panel, qtbot) is not None


def test_several_pairs_are_learnt_together(painted_panel, viewer, qtbot):
    panel = painted_panel
    image, inside = discs(seed=1)
    second = viewer.add_image(image[:72], name="more cells")
    paint = viewer.add_labels(scribbles(inside)[:72], name="more paint")
    viewer.layers.selection.active = viewer.layers["cells"]
    viewer.layers.selection.active = viewer.layers["cells scribbles"]
    one = int(say(panel, qtbot).split(" strokes")[0].split()[-1])
    panel.form.pairs.add_button.click()
    a, b = panel.form.pairs.forms
    assert (a.image.layer.name, a.labels.layer.name) == ("cells", "cells scribbles")
    assert (b.image.layer, b.labels.layer) == (second, paint)
    viewer.layers.selection.active = paint
    assert a.labels.layer.name == "cells scribbles", "a click could mean either"
    assert int(say(panel, qtbot).split(" strokes")[0].split()[-1]) > one
    quick(panel, steps=2)
    result = train(panel, qtbot)
    assert result.model.spec.provenance.training["images"] == ["cells", "more cells"]
    panel.outcome.comparison.discard_button.click()
    b.remove_button.click()
    assert panel.form.pairs.forms == [a]
    assert a.image.layers.follows


def test_choosing_labels_chooses_the_image_they_fit(panel, viewer):
    viewer.add_image(np.zeros((30, 40)), name="one")
    viewer.add_image(np.zeros((50, 60)), name="two")
    on_one = viewer.add_labels(np.zeros((30, 40), int), name="on one")
    assert (first(panel).labels.layer, first(panel).image.layer.name) == (on_one, "one")
    on_two = viewer.add_labels(np.zeros((50, 60), int), name="on two")
    assert (first(panel).labels.layer, first(panel).image.layer.name) == (on_two, "two")
    viewer.layers.selection.active = viewer.layers["one"]
    assert first(panel).labels.layer == on_one


def test_labels_go_with_the_image_of_their_name(panel, viewer):
    pair = first(panel)
    images = [viewer.add_image(np.zeros((30, 40)), name=f"f{i}") for i in range(3)]
    masks = [viewer.add_labels(np.zeros((30, 40), int), name=f"f{i}_mask") for i in (1, 2, 3)]
    for image, mask in ((images[1], masks[0]), (images[2], masks[1])):
        assert pair.image.layers.choose(image)
        assert pair.labels.layer == mask
        assert not pair.origin_label.text()
    assert pair.labels.choose(masks[0])
    assert pair.image.layer == images[1]
    assert pair.image.layers.choose(images[0])
    assert "“f1_mask” has the name of “f1”" in pair.origin_label.text()
    panel.form.pairs.add_button.click()
    other = panel.form.pairs.forms[1]
    assert other.labels.layer.name == f"{other.image.layer.name}_mask"


def test_an_empty_label_file_is_learnt_as_background_but_not_a_new_annotation(panel, viewer):
    viewer.add_image(np.zeros((30, 40)), name="one")
    with layer_source(path="one_masks.tif"):
        viewer.add_labels(np.zeros((30, 40), np.uint8), name="one_masks")
    pair = first(panel)
    pair.kind.value = "objects"
    whole = pair.pair()
    assert len(whole.regions) == 1
    assert "learnt as background" in whole.annotation(whole.paint()).notes[0]
    pair.new_button.click()
    pair.kind.value = "objects"
    assert not pair.pair().regions


def test_paint_goes_with_its_own_image_though_another_has_its_shape(panel, viewer):
    pair = first(panel)
    one = viewer.add_image(np.zeros((30, 40)), name="one")
    on_one = new_annotation_layer(viewer, one, image_of(one, "YX"), ("cell",))
    two = viewer.add_image(np.zeros((30, 40)), name="two")
    assert pair.labels.layer == on_one
    assert pair.image.layers.choose(two)
    assert pair.labels.layer == on_one, "of two channels that are images by themselves"
    assert pair.origin_label.text() == "“one scribbles” was made over another image."
    viewer.layers.selection.active = two
    viewer.layers.selection.active = on_one
    assert pair.image.layer == one
    assert not pair.origin_label.text()
    pair.image.layers.choose(two)
    pair.image.layers.native.activated.emit(0)
    viewer.layers.selection.active = one
    pair.image.layers.choose(two)
    viewer.layers.selection.active = on_one
    assert pair.image.layer == two, "it was chosen by hand"
    on_two = new_annotation_layer(viewer, two, image_of(two, "YX"), ("cell",))
    assert (pair.labels.layer, pair.image.layer) == (on_two, two)
    viewer.layers.selection.active = one
    assert (pair.labels.layer, pair.image.layer) == (on_one, one)


def test_presets_set_the_length_of_the_training(panel):
    form = panel.form.settings
    form.preset.value = "Thorough"
    options = form.value()
    assert options.patch == 32, "set before"
    assert all(getattr(options, x) == getattr(PRESETS["Thorough"], x) for x in PRESET_FIELDS)
    form.preset.value = "Standard"
    assert form.value() == FinetuneOptions(patch=32, batch=2)
    form.put(PRESETS["Quick"])
    assert form.preset.value == "Quick"
    assert form.value() == PRESETS["Quick"]


def test_what_is_typed_is_what_is_trained_with(panel):
    form = panel.form.settings
    form.augment.strength.native.findChild(QSlider).setValue(2_000_000)
    form.use_checkpointing.native.setCurrentText("all")
    form.classes.native.setText(" a,b ,")
    form.minutes.native.stepBy(-100)
    options = form.value()
    assert (options.augment.strength, options.use_checkpointing) == (2, "all")
    assert (options.classes, options.task, options.minutes) == (("a", "b"), None, None)
    assert form.minutes.native.text() == "no limit"
    assert form.memory.native.text() == "automatic"
    form.put(options.model_copy(update={"task": "objects"}))
    assert form.value() == options.model_copy(update={"task": "objects"})


def test_every_control_explains_itself(panel):
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox

    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QSlider)
    controls = [w for kind in kinds for w in panel.form.findChildren(kind)]
    silent = [
        w for w in controls if not w.toolTip() and w.parent().__class__.__name__ != "QCollapsible"
    ]
    assert silent == []


def test_the_form_fits_the_width_of_the_dock(painted_panel):
    inside = painted_panel.inside
    assert inside.minimumSizeHint().width() <= painted_panel.scroll.viewport().width()


def test_many_steps_are_drawn_as_means():
    points = [(float(i), float(i % 2)) for i in range(10 * POINTS)]
    steps, losses = thinned(points)
    assert len(steps) <= POINTS
    assert steps[-1] > 10 * POINTS - 20
    assert losses.mean() == pytest.approx(0.5, abs=0.01)


def paint_channels(panel, viewer, channels):
    """Show an image of so many channels, with paint on it."""
    image, inside = discs()
    stack = np.stack([image] * channels)
    viewer.add_image(stack, name="cells", axis_labels=("c", "y", "x"))
    first(panel).new_button.click()
    first(panel).labels.layer.data = scribbles(inside)
    quick(panel, steps=2)


def tick(panel, *wanted):
    ticks = first(panel).image.ticks
    for i in range(ticks.count()):
        ticks.item(i).setCheckState(
            Qt.CheckState.Checked if i in wanted else Qt.CheckState.Unchecked
        )


def use(panel, model):
    panel.session.model = model
    panel.session.model_changed.emit(model)


def test_a_new_network_takes_the_channels_that_are_ticked(panel, viewer, qtbot):
    paint_channels(panel, viewer, 3)
    panel.form.start.network.value = 2
    assert first(panel).image.ticks.chosen() == (0, 1, 2)
    tick(panel)
    assert "No channel is chosen" in say(panel, qtbot)
    panel.form.train_button.click()
    assert "No channel is chosen" in said(panel)
    tick(panel, 0, 2)
    assert "strokes" in say(panel, qtbot)
    result = train(panel, qtbot)
    assert result.model.spec.config.in_channels == 2
    assert result.model.spec.provenance.training["options"]["channels"] == [0, 2]


@pytest.mark.parametrize(
    ("takes", "there", "ticked", "fitted"),
    [(2, 1, None, 1), (3, 2, (0, 1), 2), (1, 3, (0, 2), 2), (1, 3, (1,), None)],
)
def test_the_model_is_fitted_to_the_channels(panel, viewer, qtbot, takes, there, ticked, fitted):
    use(panel, small_model(config={"in_channels": takes}))
    paint_channels(panel, viewer, there)
    assert (first(panel).image.ticks is None) == (ticked is None)
    if ticked is not None:
        tick(panel, *ticked)
    summary = say(panel, qtbot)
    assert ("first layer" in summary) == (fitted is not None)
    if fitted is not None:
        assert f"fitted to {fitted}." in summary
    preview(panel, viewer, qtbot)
    result = train(panel, qtbot)
    assert result.model.spec.config.in_channels == (fitted or takes)
    assert result.better is None or fitted is None


def test_inputs_that_the_image_can_fill_are_chosen_one_by_one(panel, viewer, qtbot):
    use(panel, small_model(config={"in_channels": 2}))
    paint_channels(panel, viewer, 3)
    first(panel).image.channels[0].value = 2
    assert "first layer" not in say(panel, qtbot)
    result = train(panel, qtbot)
    assert result.model.spec.provenance.training["options"]["channels"] == [2, 1]


def test_a_model_with_several_classes_names_them_in_new_layers(panel, viewer):
    config = {"out_channels": 3}
    classes = ("background", "nucleus", "membrane")
    panel.session.model = small_model(activation="softmax", classes=classes, config=config)
    panel.session.model_changed.emit(panel.session.model)
    viewer.add_image(discs()[0], name="cells")
    first(panel).new_button.click()
    features = first(panel).labels.layer.features
    assert list(features["class"]) == ["unlabelled", *classes]


def test_a_result_with_objects_is_taken_for_objects(panel, viewer):
    viewer.add_image(discs()[0], name="cells")
    record = {"purpose": {"title": "objects", "objects": True}}
    viewer.add_labels(discs()[1].astype(int), name="found", metadata={"napari_unet": record})
    assert first(panel).kind.value == "objects"


def test_faults_of_opened_labels_are_listed_and_a_click_leads_there(panel, viewer, qtbot):
    labels = np.zeros((60, 80), np.uint8)
    labels[5:15, 5:15] = labels[40:50, 60:70] = 1
    labels[5:15, 30:40] = 2
    viewer.add_image((labels > 0) * 100.0, name="one")
    layer = viewer.add_labels(labels, name="one_masks")
    first(panel).kind.value = "objects"
    shown = panel.form.summary.findings
    qtbot.waitUntil(lambda: shown.count() == 1, timeout=SECONDS)
    assert "number 1 is in 2 places" in shown.item(0).text()
    shown.itemClicked.emit(shown.item(0))
    assert viewer.layers.selection.active == layer
    assert viewer.layers["one suggestion"].visible
    layer.data[40:50, 60:70] = 3
    layer.refresh()
    qtbot.waitUntil(lambda: shown.count() == 0, timeout=SECONDS)


def test_opened_labels_are_compared_with_the_network(panel, viewer, qtbot, monkeypatch):
    asked = []

    def check_with(annotations, model, numbers):
        asked.append((len(annotations), model, list(numbers)))
        yield Progress(0, 1)
        return [Finding("missing objects", numbers[0], "one_masks", "3 objects lack a label")]

    monkeypatch.setattr("napari_unet.services.checking.network.check_with", check_with)
    monkeypatch.setattr(panel.form.summary.plan_label, "isVisible", lambda: True)
    pixels, labels = discs()
    viewer.add_image(pixels, name="one")
    with layer_source(path="one_masks.tif"):
        viewer.add_labels(labels.astype(np.uint8), name="one_masks")
    first(panel).kind.value = "objects"
    shown = panel.form.summary.findings
    qtbot.waitUntil(
        lambda: any("3 objects lack" in shown.item(i).text() for i in range(shown.count())),
        timeout=SECONDS,
    )
    assert asked == [(1, panel.session.model, [0])]


def test_with_scribbles_the_new_network_states_the_size_kept_with_the_image(painted_panel, viewer):
    keep_diameter(viewer.layers["cells"], KeptDiameter(14.0, chosen=False))
    assert painted_panel.form.options().diameter == 14
    painted_panel.form.pairs.first.kind.value = "objects"
    assert painted_panel.form.options().diameter is None, "it is measured"
