"""Fine-tuning as a caller sees it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from networks import strong_network
from painted import blank, checkers, numbered, options, scribbled

from napari_unet.core.annotations.annotation import Annotation, Paint
from napari_unet.core.annotations.regions import Region
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.file import load_model, save_model, weights_hash
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.progress import finish
from napari_unet.core.training.progress import TrainingStarted
from napari_unet.core.training.state import read_status
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import ResultSoFar, finetune
from napari_unet.services.training.new_network import new_network


def trained(paint, model=None, **others):
    return finish(finetune(paint, blank() if model is None else model, options(**others)))


def weights(result):
    return result.model.network.state_dict()


def same(one, other, within=0.0):
    return all(torch.allclose(one[k].float(), other[k].float(), rtol=0, atol=within) for k in one)


@pytest.fixture(scope="module")
def parent():
    """A network that has learnt the chessboard a little."""
    return trained([scribbled()], steps=25, learning_rate=5e-3).model


def foreground(model, pixels):
    how = SegmentOptions(device="cpu", precision="float32")
    return finish(segment(Image(pixels, "YX"), model, how)).labels > 0


def iou(model):
    pixels, squares = checkers(seed=9)
    found = foreground(model, pixels)
    return (found & squares).sum() / (found | squares).sum()


def test_a_new_network_learns_from_scribbles():
    result = trained([scribbled()], steps=20, learning_rate=2e-2)
    assert iou(result.model) > 0.8
    assert result.after
    assert not result.before
    assert result.better is None
    assert "no parent" in result.verdict


def test_a_new_network_takes_the_names_of_what_was_painted():
    names = ("nucleus", "never painted")
    described = finish(new_network([scribbled()], options(), ndim=2, names=names))
    assert tuple(described.spec.label_names.values()) == ("nucleus",)
    described = finish(new_network([scribbled()], options(), ndim=2))
    assert tuple(described.spec.label_names.values()) == ("foreground",)


def test_a_network_is_tuned_and_compared_with_its_parent(parent):
    before = weights_hash(parent.network.state_dict())
    result = trained([scribbled(), scribbled(seed=1)], parent, steps=40, learning_rate=3e-3)
    assert weights_hash(parent.network.state_dict()) == before
    assert [s.name for s in result.before] == ["background", "foreground"]
    assert [s.pixels for s in result.before] == [s.pixels for s in result.after]
    assert result.better
    # the parent was trained on an image of this name, with less paint
    assert "flatter" in result.verdict
    assert result.after[1].iou > result.before[1].iou
    assert iou(result.model) > iou(parent)


@pytest.mark.parametrize("other", [{"seed": 1}, {"held_out": 0.3}])
def test_what_the_parent_may_have_learnt_is_told(parent, other):
    """It was trained on an image of this name; other settings hold out other strokes."""
    assert "flatter" in trained([scribbled()], parent, steps=4, **other).verdict


def test_a_parent_that_was_judged_by_the_same_paint_is_not_flattered(parent):
    assert "flatter" not in trained([scribbled()], parent, steps=4).verdict


def test_what_judges_a_network_judges_the_next_one_too(parent):
    """The parent learnt nothing of what is held out in the second round, though more was painted."""
    first, more = scribbled(), scribbled()
    first.paint[40:] = 0
    rounds = []
    for annotation in (first, more):
        model = rounds[-1].model if rounds else None
        rounds.append(trained([annotation], model, steps=4))
    sides = [one.trained.training_set.held.truths[0] for one in rounds]
    frame, box = sides[0].annotation.whole(())
    learnt = sides[0].training(frame, box) >= 0
    assert learnt.any()
    assert not (learnt & (sides[1].validation(frame, box) >= 0)).any()


def test_where_objects_count_they_decide():
    plain = trained([numbered()], steps=5).model
    result = trained(
        [numbered(), numbered(seed=1)], plain, steps=60, task="objects", learning_rate=1e-2
    )
    assert result.model.spec.task == "objects"
    assert "object IoU" in result.verdict
    assert [s.name for s in result.after] == ["background", "foreground", "objects"]
    assert result.after[2].pixels >= 2
    assert result.after[2].iou > 0.5
    assert result.better


def test_a_new_model_tells_where_it_comes_from(parent, tmp_path):
    result = trained([scribbled()], parent, name="mine")
    save_model(result.model, tmp_path / "mine.safetensors")
    spec = load_model(tmp_path / "mine.safetensors").spec
    origin = spec.provenance
    assert spec.name == "mine"
    assert origin.parent == weights_hash(parent.network.state_dict())
    assert origin.training["options"]["steps"] == 12
    assert origin.training["annotated_pixels"]["background"] > 100
    assert origin.training["curve"]
    assert origin.training["scores"]["after"][1]["iou"] >= 0
    assert origin.training["images"] == ["board"]


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_objects_and_classes_train_the_foreground(kind):
    annotation = numbered()
    if kind == "classes":
        annotation = Annotation(annotation.image, annotation.paint > 0, "classes")
    result = trained([annotation], steps=20, learning_rate=2e-2)
    assert iou(result.model) > 0.75


def test_the_same_seed_gives_the_same_weights():
    one, other = (trained([scribbled()], seed=3) for _ in range(2))
    assert same(weights(one), weights(other))
    assert not same(weights(one), weights(trained([scribbled()], seed=4)))


@pytest.mark.each_value
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_checkpointing_changes_nothing_about_the_result(norm, ndim):
    config = UNetConfig.classic(base=4, depth=2, ndim=ndim, norm=norm)
    model = Model(ModelSpec(name="m", config=config, activation="sigmoid"), strong_network(config))
    paint = [scribbled()] if ndim == 2 else [scribbled((8, 48, 48), "ZYX")]
    runs = [
        trained(paint, model, steps=6, use_checkpointing=how, held_out=0.0)
        for how in ("off", "all")
    ]
    assert runs[0].trained.measured > runs[1].trained.measured
    assert same(weights(runs[0]), weights(runs[1]), within=1e-6)


def test_batch_norm_statistics_stay_when_a_network_is_tuned(parent):
    result = trained([scribbled()], parent)
    for name, value in parent.network.state_dict().items():
        if "running" in name:
            assert torch.equal(weights(result)[name], value), name


def test_what_is_predicted_is_what_is_measured():
    result = trained([scribbled((256, 256))], blank(base=8), steps=1, patch=128)
    assert result.trained.plan.memory == pytest.approx(result.trained.measured, rel=0.1)


def test_little_memory_is_met_by_recomputing_and_smaller_steps():
    paint = [scribbled((256, 256))]
    full = trained(paint, blank(base=8), steps=1, patch=128).trained
    less = trained(
        paint, blank(base=8), steps=1, patch=128, memory=full.plan.memory / 2**31
    ).trained
    assert less.plan.memory <= full.plan.memory / 2
    assert less.plan.recompute > 0
    with pytest.raises(UserError, match="not enough memory"):
        trained(paint, blank(base=8), steps=1, memory=1e-4)


@pytest.mark.parametrize("text", ["DefaultCPUAllocator: can't allocate", ""])
def test_running_out_of_memory_goes_on_with_a_smaller_step(monkeypatch, text):
    from napari_unet.core.training.devices import gradients

    real = gradients.masked_loss
    calls = []

    def fails(*arguments, **others):
        calls.append(arguments[0].shape)
        if 3 <= len(calls) <= 5:
            raise RuntimeError(text) if text else torch.OutOfMemoryError
        return real(*arguments, **others)

    monkeypatch.setattr(gradients, "masked_loss", fails)
    result = trained([scribbled()], steps=6)
    assert result.trained.status.step == 6
    assert len(result.trained.warnings) == 3
    assert "Memory ran out" in result.trained.warnings[0]


def test_a_failed_step_leaves_no_trace(monkeypatch):
    from napari_unet.core.training.devices import gradients

    expected = trained([scribbled()], steps=4, use_checkpointing="off")
    real = gradients.masked_loss
    calls = []

    def fails(*arguments, **others):
        calls.append(None)
        if len(calls) == 3:
            raise torch.OutOfMemoryError
        return real(*arguments, **others)

    monkeypatch.setattr(gradients, "masked_loss", fails)
    monkeypatch.setattr("napari_unet.core.training.setup.choose_plan", _same_plan())
    assert same(
        weights(trained([scribbled()], steps=4, use_checkpointing="off")), weights(expected)
    )


def _same_plan():
    from napari_unet.core.training.plan import choose_plan

    def choose(candidates, free, *, below=None):
        return choose_plan(candidates, free)

    return choose


def test_a_loss_that_is_no_number_ends_the_training_with_the_best(monkeypatch):
    from napari_unet.core.training.devices import gradients

    real = gradients.masked_loss
    calls = []

    def breaks(*arguments, **others):
        calls.append(None)
        return real(*arguments, **others) * (float("nan") if len(calls) > 8 else 1)

    monkeypatch.setattr(gradients, "masked_loss", breaks)
    result = trained([scribbled()], steps=20)
    assert "nan" in result.trained.ended
    assert result.trained.status.step == 8
    assert all(bool(v.isfinite().all()) for v in weights(result).values())
    calls[:] = [None] * 8
    with pytest.raises(UserError, match="failed before there was a network"):
        trained([scribbled()], steps=20)


def test_too_little_paint_trains_for_a_fixed_time():
    annotation = scribbled()
    annotation.paint[:] = 0
    annotation.paint[8, 2:14], annotation.paint[8, 18:30] = 2, 1
    result = trained([annotation])
    assert not result.after
    assert result.better is None
    assert "too few" in result.verdict
    assert result.trained.status.step == 12


def test_training_stops_when_it_gets_no_better(parent):
    result = trained([scribbled()], parent, steps=400, learning_rate=1e-9, patience=2)
    assert "No better" in result.trained.ended
    assert result.trained.status.step < 400


def test_stopping_leaves_the_best_so_far(parent):
    job = finetune([scribbled()], parent, options(steps=100))
    so_far = None
    for step in job:
        if isinstance(step, ResultSoFar):
            so_far = step.result
            break
    job.close()
    assert so_far.model.spec.name.endswith("-tuned")
    assert so_far.before
    assert so_far.after
    assert foreground(so_far.model, checkers()[0]).any()


def test_minutes_end_the_training():
    result = trained([scribbled()], steps=100_000, minutes=0.05)
    assert result.trained.status.step < 100_000
    assert result.trained.status.seconds < 60


def test_statistics_are_taken_again_when_there_is_more_time_than_it_seemed():
    """After the fourth step all seemed over but one; they are kept in that one and the last six."""
    result = trained([scribbled()], steps=20, pace=((4, 5), (5, 20)), held_out=0.0)
    state = result.trainer.newest.network.state_dict()
    assert {int(v) for k, v in state.items() if "num_batches" in k} == {4 + 9}


def test_training_longer_goes_on():
    first = trained([scribbled()], steps=10)
    longer = finish(finetune([scribbled()], blank(), options(steps=10), longer=first))
    assert longer.trained.status.step == 20
    assert [p.step for p in longer.trained.status.curve] == [5, 10, 15, 20]


def test_a_training_does_not_go_on_with_settings_that_it_could_not_follow():
    first = trained([scribbled()], steps=5)
    with pytest.raises(UserError, match=r"other settings: batch, seed"):
        finish(finetune([scribbled()], blank(), options(seed=1, batch=2), longer=first))
    chosen = options(steps=5, learning_rate=1e-4, patience=3, name="other")
    longer = finish(finetune([scribbled()], blank(), chosen, longer=first))
    assert longer.trained.status.step == 10


def test_paint_added_while_it_trains_is_taken_up():
    annotation, more = scribbled(), scribbled()
    annotation.paint[32:] = 0
    paint = Paint((annotation,))
    job = finetune(paint, blank(), options(steps=15))
    found = []
    for step in job:
        if isinstance(step, ResultSoFar):
            found.append(sum(step.result.trained.training_set.inspection.pixels))
            if len(found) == 1:
                paint.annotations = (more,)
    assert found[0] * 2 == found[-1]


def test_paint_added_at_the_end_is_learnt_only_if_it_is_trained_longer():
    annotation, more = scribbled(), scribbled()
    annotation.paint[32:] = 0
    paint = Paint((annotation,))
    results = []
    for _ in range(2):
        job = finetune(paint, blank(), options(), longer=results[-1] if results else None)
        while True:
            try:
                step = next(job)
            except StopIteration as stop:
                results.append(stop.value)
                break
            if isinstance(step, ResultSoFar) and step.done == 12:
                paint.annotations = (more,)
    first, longer = (result.trained for result in results)
    assert first.training_set.annotations == (annotation,)
    assert "Train longer" in first.warnings[0]
    assert longer.training_set.annotations == (more,)
    assert not longer.warnings


def test_with_more_paint_patience_begins_anew(parent):
    few = {"steps": 400, "learning_rate": 1e-9, "patience": 1, "minutes": None}
    alone = trained([scribbled()], parent, **few)
    paint = Paint((scribbled(),))
    end = alone.trained.status.step
    job = finetune(paint, parent, options(**few))
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            result = stop.value
            break
        if isinstance(step, ResultSoFar) and step.done == end:
            paint.annotations = (scribbled(),)
    assert "No better" in result.trained.ended
    assert result.trained.status.step > end
    assert not result.trained.warnings


def test_other_classes_get_a_new_head(parent):
    annotation = scribbled()
    annotation.paint[50:60, 20:30] = 3
    result = trained([annotation], parent, classes=("bright", "other"))
    assert result.model.spec.classes == ("background", "bright", "other")
    assert result.model.spec.activation == "softmax"
    assert not result.before
    assert result.after
    assert result.trained.status.step == 12
    with pytest.raises(UserError, match="beyond the model's classes"):
        trained([annotation], parent)


def test_other_channels_get_a_fitted_first_layer(parent):
    annotation = scribbled()
    pixels = np.stack([annotation.image.data] * 2)
    two = Annotation(Image(pixels, "CYX", name="two"), annotation.paint, "scribbles")
    result = trained([two], parent, channels=(0, 1), steps=1, learning_rate=1e-12)
    assert result.model.spec.config.in_channels == 2
    how = SegmentOptions(device="cpu", precision="float32")
    found = finish(segment(Image(pixels, "CYX"), result.model, how)).labels
    # two channels alike, so the fitted network says what the parent said
    assert np.array_equal(found > 0, foreground(parent, annotation.image.data))
    with pytest.raises(UserError, match="channels"):
        trained([annotation], parent, channels=(0, 1))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_network_with_constants_for_each_channel_is_tuned_on_others(n):
    """As packages of three channels give it; other channels, classes and task."""
    config = UNetConfig.classic(
        base=4, depth=2, in_channels=3, out_channels=3, upsampling="linear_aligned", projection=True
    )
    constants = Normalization(kind="linear", gain=(0.01, 0.02, 0.03), offset=(0, -1, -2))
    spec = ModelSpec(
        name="foreign", config=config, channels=("r", "g", "b"), normalization=constants
    )
    model = Model(spec, strong_network(config))
    annotation = scribbled()
    pixels = np.stack([annotation.image.data] * n)
    image = Image(pixels, "CYX", name="others")
    other = Annotation(image, annotation.paint, "scribbles")
    result = trained([other], model, channels=tuple(range(n)), classes=("bright",), steps=3)
    assert result.model.spec.config.in_channels == n
    assert finish(segment(image, result.model)).labels.shape == annotation.paint.shape
    objects = Annotation(image, numbered().paint, "objects")
    result = trained([objects], model, channels=tuple(range(n)), task="objects", steps=3)
    assert result.model.spec.task == "objects"


def test_a_network_with_a_threshold_of_its_own_can_be_tuned():
    config = UNetConfig.classic(base=4, depth=1)
    spec = ModelSpec(name="raw", config=config, activation="none", threshold=0.3)
    model = Model(spec, strong_network(config))
    result = trained([scribbled()], model, steps=1, learning_rate=1e-12)
    pixels = checkers()[0]
    assert result.model.spec.activation == "sigmoid"
    assert np.mean(foreground(result.model, pixels) != foreground(model, pixels)) < 1e-3


@pytest.mark.parametrize(
    ("shape", "axes", "ndim"),
    [
        ((3, 40, 40), "ZYX", 2),
        ((2, 3, 40, 40), "TZYX", 2),
        ((9, 40, 40), "ZYX", 3),
        ((2, 6, 32, 32), "TZYX", 3),
        ((20, 50), "YX", 2),
    ],
)
def test_stacks_volumes_and_time_points(shape, axes, ndim):
    result = trained([scribbled(shape, axes)], blank(ndim=ndim, spacing=(1.0,) * ndim), steps=2)
    assert result.trained.status.step == 2


def test_deep_voxels_are_pooled_in_the_plane_first():
    model = blank(ndim=3, depth=3, spacing=(4.0, 1.0, 1.0)).build()
    assert model.spec.config.strides == ((1, 2, 2), (1, 2, 2), (2, 2, 2))


def test_several_images_of_other_sizes_and_kinds():
    result = trained([scribbled(), numbered((40, 72)), scribbled((2, 33, 50), "TYX")])
    assert result.trained.training_set.inspection.summary.planes == 4


def test_a_lazy_image_is_read_by_patches():
    class Lazy:
        def __init__(self, array):
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __getitem__(self, key):
            found = self.array[key]
            assert found.size < self.array.size
            return found

    annotation = scribbled((6, 64, 64), "TYX")
    lazy = Annotation(
        Image(Lazy(annotation.image.data), "TYX"), Lazy(annotation.paint), "scribbles"
    )
    assert trained([lazy], steps=2).trained.status.step == 2


def test_what_lies_outside_the_region_is_not_learnt():
    pixels, squares = checkers()
    # the lower half is labelled as background throughout, which is wrong, and left out
    paint = np.where(squares, 1, 0)
    paint[32:] = 0
    wrong = Annotation(Image(pixels, "YX"), paint, "classes")
    region = Region.box((0, 32), (0, 64))
    right = Annotation(Image(pixels, "YX"), paint, "classes", (region,))
    scores = [iou(trained([a], steps=40, learning_rate=5e-3).model) for a in (wrong, right)]
    assert scores[1] > 0.75
    assert scores[1] > scores[0]


def test_many_objects():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (512, 512), dtype=np.uint8)
    numbers = np.zeros((512, 512), np.uint32)
    numbers[::5, ::5] = rng.permutation(103 * 103).reshape(103, 103) + 1
    result = trained([Annotation(Image(pixels, "YX"), numbers, "objects")], steps=1)
    assert result.trained.training_set.inspection.summary.objects == 103 * 103


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda paint: paint.fill(0), "Nothing has been painted"),
        (lambda paint: paint.clip(0, 1, out=paint), "Only 'background' has been painted"),
        (lambda paint: paint.__setitem__(0, 7), "beyond the model's classes"),
    ],
)
def test_paint_that_can_not_be_learnt_is_explained(change, message, parent):
    annotation = scribbled()
    change(annotation.paint)
    with pytest.raises(UserError, match=message):
        trained([annotation], parent)


def test_nothing_to_learn_from():
    with pytest.raises(UserError, match="nothing to learn from"):
        trained([])


def test_the_state_stays_until_the_result_is_saved(tmp_path):
    path = tmp_path / "x.training"
    result = finish(finetune([scribbled()], blank(), options(), state=path))
    assert read_status(path).step == 12
    # taken up again, it gives the result again
    again = finish(finetune([scribbled()], blank(), options(), state=path))
    assert again.trained.status == result.trained.status
    assert again.after == result.after
    assert again.trained.ended
    assert same(weights(again), weights(result))
    longer = [
        finish(finetune([scribbled()], blank(), options(), longer=one)) for one in (result, again)
    ]
    assert longer[1].trained.status.step == 24
    assert same(weights(longer[0]), weights(longer[1]))
    anew = finish(finetune([scribbled()], blank(), options(), state=path, resume=False))
    assert same(weights(anew), weights(result))


def test_paint_that_makes_no_sense_does_not_end_a_training():
    paint = Paint((scribbled(),))
    job = finetune(paint, blank(), options(steps=15))
    result = None
    for step in job:
        if isinstance(step, ResultSoFar):
            result = step.result
            wrong = scribbled()
            wrong.paint[0, 0] = 9
            paint.annotations = (wrong,)
    assert result.trained.status.step == 15
    assert "beyond the model's classes" in result.trained.warnings[0]


def test_a_later_network_is_preferred_to_one_that_is_better_by_chance(monkeypatch):
    from napari_unet.core.evaluation.confusion import Confusion
    from napari_unet.core.training import best_model
    from napari_unet.core.training.validation import ValidationScores

    ious = iter([0.935, 0.90, 0.89, 0.95, 0.91, 0.94, 0.932])

    def judged(*_, **__):
        iou = next(ious)
        yield from ()
        counts = np.array([[100, 0], [round(1000 * (1 - iou)), round(1000 * iou)]])
        return ValidationScores(Confusion(counts))

    monkeypatch.setattr(best_model, "validate", judged)
    model = blank().build()
    one = best_model.BestModel(model, None, None)
    finish(one.revalidate([None]))
    found = [finish(one.consider(model, [None])) for _ in range(6)]
    assert [c.is_best for c in found] == [True, True, True, False, True, False]
    assert [c.is_highest for c in found] == [True, False, True, False, False, False]
    assert one.after.score == pytest.approx(0.94)


def test_strokes_far_apart_are_judged_without_what_lies_between():
    annotation = scribbled((3000, 64))
    annotation.paint[64:2900] = 0
    result = trained([annotation], steps=1)
    assert 0 < result.trained.training_set.validation_pixels <= 2 * 1024 * 64


def test_channels_in_another_order_are_refused(parent):
    annotation = scribbled()
    pixels = np.stack([annotation.image.data] * 2)
    each = [
        Annotation(Image(pixels, "CYX", name=n, channel_names=names), annotation.paint, "scribbles")
        for n, names in (("one", ("DAPI", "GFP")), ("other", ("GFP", "DAPI")))
    ]
    with pytest.raises(UserError, match="another order"):
        trained(each, parent, channels=("DAPI",))


def test_a_training_that_is_cancelled_is_saved_at_once_and_goes_on_to_the_same_result(tmp_path):
    chosen = options(steps=16, save_every=3600)
    expected = finish(finetune([scribbled()], blank(), chosen))
    path = tmp_path / "x.training"
    for stop in (2, 5, 9, 13):
        job = finetune([scribbled()], blank(), chosen, state=path)
        for step in job:
            if step.done >= stop and "loss" in step.metrics:
                break
        job.close()
    assert read_status(path).step > 8
    found = finish(finetune([scribbled()], blank(), chosen, state=path))
    for name, value in expected.model.network.state_dict().items():
        assert torch.equal(value, found.model.network.state_dict()[name])
    assert found.trained.status.curve == expected.trained.status.curve


def test_dense_classes_of_which_only_one_could_judge_are_all_learnt():
    """A network that calls everything by that class would be right everywhere."""
    labels = np.ones((96, 96), np.uint8)
    labels[8:88:16, 8:88:16] = 2
    image = Image(np.zeros((96, 96), np.uint8), "YX", name="cell")
    result = trained(
        [Annotation(image, labels, "classes")], blank(classes=("cytoplasm", "nucleus"))
    )
    assert not result.after
    assert "only class 2 could be held out; paint some background" in str(
        result.trained.training_set.held
    )


def test_an_interrupted_training_comes_to_the_same_result(tmp_path):
    chosen = options(steps=16, save_every=1e-3)
    expected = finish(finetune([scribbled()], blank(), chosen))
    path = tmp_path / "x.training"
    for stop in (3, 9, 14):
        job = finetune([scribbled()], blank(), chosen, state=path)
        for step in job:
            if step.done >= stop and "loss" in step.metrics:
                break
        job.close()
        assert 0 < read_status(path).step <= stop
    result = finish(finetune([scribbled()], blank(), chosen, state=path))
    assert same(weights(result), weights(expected))
    assert result.trained.status.curve == expected.trained.status.curve


def test_a_training_that_had_taken_up_paint_is_resumed_with_what_it_held_out(tmp_path, monkeypatch):
    # each step is saved, however long that takes
    monkeypatch.setattr("napari_unet.core.training.clock.MAX_SAVING_FRACTION", float("inf"))
    path = tmp_path / "x.training"
    chosen = options(steps=16, save_every=1e-3)
    annotation, more = scribbled(), scribbled()
    annotation.paint[32:] = 0
    paint = Paint((annotation,))
    sets = []
    job = finetune(paint, blank(), chosen, state=path)
    for step in job:
        if isinstance(step, ResultSoFar):
            sets.append(step.result.trained.training_set)
            paint.annotations = (more,)
        if step.done >= 12 and "loss" in step.metrics:
            break
    job.close()
    taken = read_status(path).step
    resumed = finetune([more], blank(), chosen, state=path)
    first = next(step for step in resumed if "loss" in step.metrics)
    assert first.done == taken + 1
    result = finish(resumed)
    truth = result.trained.training_set.held.truths[0]
    frame, box = truth.annotation.whole(())
    held = truth.validation(frame, box) >= 0
    before = sets[0].held.truths[0].validation(frame, box) >= 0
    assert before.any()
    assert (held == before).all()


def test_what_was_painted_since_it_was_interrupted_is_learnt_when_it_is_resumed(tmp_path):
    path, chosen = tmp_path / "x.training", options(steps=16)
    less = scribbled()
    less.paint[32:] = 0
    job = finetune([less], blank(), chosen, state=path)
    next(step for step in job if step.done >= 6 and "loss" in step.metrics)
    job.close()
    resumed = finetune([scribbled()], blank(), chosen, state=path)
    prepared = next(step for step in resumed if isinstance(step, TrainingStarted))
    assert prepared.done == 6
    assert prepared.annotations_changed
    result = finish(resumed)
    assert sum(result.trained.training_set.inspection.pixels) == np.count_nonzero(scribbled().paint)
    assert "annotations were changed" in result.trained.status.altered
    # what is over is trained longer
    longer = finish(finetune([less], blank(), chosen, state=path))
    assert longer.trained.status.step == 32


@pytest.mark.parametrize("change", ["crossed", "erased"])
def test_paint_that_leaves_nothing_to_judge_by_is_trained_on_anew(tmp_path, change):
    path, chosen = tmp_path / "x.training", options(steps=8)
    job = finetune([scribbled()], blank(), chosen, state=path)
    first = next(step for step in job if isinstance(step, TrainingStarted))
    next(step for step in job if step.done >= 4 and "loss" in step.metrics)
    job.close()
    now = scribbled()
    if change == "crossed":
        now.paint[:32], now.paint[32:] = 1, 2
    else:
        (truth,) = first.training_set.held.truths
        frame, box = truth.annotation.whole(())
        now.paint[truth.validation(frame, box) >= 0] = 0
    resumed = finetune([now], blank(), chosen, state=path)
    assert next(step for step in resumed if isinstance(step, TrainingStarted)).done == 0
    assert finish(resumed).trained.status.altered == ""


def test_paint_added_where_nothing_was_held_out_judges_what_comes_after(parent):
    less, more = scribbled(), scribbled()
    less.paint[16:] = 0
    less.paint[:, 32:] = 0
    paint = Paint((less,))
    found = []
    for step in finetune(paint, parent, options(steps=30)):
        if isinstance(step, ResultSoFar):
            found.append(step.result)
            paint.annotations = (more,)
    assert found[0].better is None
    assert "too few" in found[0].verdict
    assert found[-1].trained.training_set.held.taken
    assert found[-1].before
    assert found[-1].after


@pytest.mark.parametrize("other", ["options", "image", "pixels", "damaged"])
def test_the_state_of_another_training_is_not_taken_up(tmp_path, other):
    path = tmp_path / "x.training"
    job = finetune([scribbled()], blank(), options(save_every=1e-3), state=path)
    for step in job:
        if step.done >= 6 and "loss" in step.metrics:
            break
    job.close()
    paint, chosen = scribbled(), options(save_every=1e-3)
    if other == "options":
        chosen = options(learning_rate=1e-2)
    elif other == "pixels":
        paint = replace(paint, image=replace(paint.image, data=checkers(seed=7)[0]))
    elif other == "image":
        paint = replace(paint, image=replace(paint.image, name="another"))
    else:
        path.write_bytes(path.read_bytes()[:1000])
    expected = finish(finetune([paint], blank(), chosen))
    assert same(weights(finish(finetune([paint], blank(), chosen, state=path))), weights(expected))


def test_a_full_disk_does_not_end_the_training(tmp_path, monkeypatch):
    def full(*_):
        raise UserError("There is no room", rule="r.", remedy="r.")

    monkeypatch.setattr("napari_unet.core.training.state.save_state", full)
    job = finetune([scribbled()], blank(), options(save_every=1e-3), state=tmp_path / "x.training")
    result = finish(job)
    assert result.trained.status.step == 12
    assert "no room" in result.trained.warnings[0]


def test_a_bundled_foreign_network_is_tuned(shared_data):
    import tifffile

    from napari_unet.services.library import Library

    folder = shared_data / "nuclei-dsb2018"
    name = sorted(path.name for path in (folder / "images").iterdir())[0]
    pixels = tifffile.imread(folder / "images" / name)
    numbers = tifffile.imread(folder / "masks" / name).astype(np.int32)
    model = finish(Library().load("nuclei-broad"))
    annotation = Annotation(Image(pixels, "YX", name=name), numbers, "objects")
    result = trained([annotation], model, steps=10, patch=64)
    assert result.before[1].iou > 0.3
    assert result.after[1].iou > 0.3


@pytest.mark.parametrize("checkpointing", ["off", "all"])
def test_sixteen_bits_learn_too(checkpointing):
    given = {"precision": "bfloat16", "use_checkpointing": checkpointing, "learning_rate": 2e-2}
    result = trained([scribbled()], steps=20, **given)
    assert all(v.dtype == torch.float32 for k, v in weights(result).items() if "weight" in k)
    assert iou(result.model) > 0.75


TOO_LARGE = 2.0**34


def test_half_precision_scales_the_loss_and_skips_what_overflows(monkeypatch, tmp_path):
    """On a CPU, which would not do so by itself, as old graphics cards do."""
    from napari_unet.core.device import Compute

    scaled = partial(torch.amp.GradScaler, init_scale=TOO_LARGE)
    monkeypatch.setattr("torch.amp.GradScaler", scaled)
    monkeypatch.setattr(
        "napari_unet.core.device.choose_device", lambda *_: Compute("cpu", "float16")
    )
    chosen = options(steps=40, learning_rate=2e-2, patch=16, batch=8)
    path = tmp_path / "x.training"
    job = finetune([scribbled()], blank(), chosen, state=path)
    next(step for step in job if step.done >= 8 and "loss" in step.metrics)
    job.close()
    result = finish(finetune([scribbled()], blank(), chosen, state=path))
    assert same(weights(result), weights(finish(finetune([scribbled()], blank(), chosen))))
    assert iou(result.model) > 0.75
    scaler = result.trainer._learner._scaler
    assert scaler.is_enabled()
    assert scaler.get_scale() < TOO_LARGE
