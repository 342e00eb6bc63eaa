"""The command that repeats a training, to the same weights."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from painted import blank, numbered, options, scribbled
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.annotations.annotation import Paint
from napari_unet.core.annotations.regions import Region
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.errors import UserError
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.progress import finish
from napari_unet.core.training.clock import TrainingClock
from napari_unet.core.training.options import TrainingOptions
from napari_unet.core.training.status import TrainingStatus
from napari_unet.services.commands.inputs import TrainingPair
from napari_unet.services.commands.training import option_words, training_command
from napari_unet.services.training.annotation_files import read_regions, write_regions
from napari_unet.services.training.finetune import ResultSoFar, finetune
from napari_unet.services.training.options import FinetuneOptions


@pytest.fixture
def parent(tmp_path):
    """A network to tune, and its file."""
    path = tmp_path / "the parent.safetensors"
    save_model(blank(seed=3).build(), path)
    return load_model(path), path


def drive(job, checks=0):
    """Run a training to its end, or until it was judged so many times; return the result."""
    so_far, seen = None, 0
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value
        if isinstance(step, ResultSoFar):
            so_far, seen = step.result, seen + 1
            if seen == checks:
                job.close()
                return so_far


def repeated(result, pairs, parent, tmp_path):
    """Keep the network, ask for the command, run it, and return its words and what it made."""
    made = tmp_path / "made.safetensors"
    save_model(result.model, made)
    job = training_command(pairs, result.model.spec, str(made), parent, tmp_path / "files")
    program, *words = shlex.split(finish(job))
    assert program == "napari-unet"
    again = CliRunner().invoke(app, [*words, "--overwrite"])
    assert again.exit_code == 0, again.output
    return words, load_model(words[words.index("-o") + 1])


def assert_same(one, other):
    assert one.spec.config == other.spec.config
    assert one.spec.label_names == other.spec.label_names
    assert one.spec.pixel_size == other.spec.pixel_size
    first, second = one.network.state_dict(), other.network.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_what_is_in_no_file_is_written_and_learnt_to_the_same_weights(parent, tmp_path):
    model, path = parent
    paint = [scribbled(seed=i) for i in range(2)]
    result = drive(finetune(paint, model, options(channels=(0,), learning_rate=3e-3, seed=5)))
    pairs = [TrainingPair(annotation, None, None) for annotation in paint]
    words, again = repeated(result, pairs, str(path), tmp_path)
    assert_same(again, result.model)
    assert "--pace-of" not in words
    # two images of one name, each in a folder of its own
    assert len(list((tmp_path / "files").rglob("board.ome.tif"))) == 2
    weights = model.network.state_dict()
    assert any(not torch.equal(v, weights[k]) for k, v in again.network.state_dict().items())


def test_files_that_hold_what_was_learnt_are_named(parent, tmp_path):
    model, path = parent
    annotation = numbered()
    image, paint = tmp_path / "board.tif", tmp_path / "by hand.tif"
    tifffile.imwrite(image, annotation.image.data)
    tifffile.imwrite(paint, annotation.paint.astype(np.int32))
    result = drive(finetune([annotation], model, options(border_weight=2.0, border_width=3.0)))
    pairs = [TrainingPair(annotation, image, paint)]
    words, again = repeated(result, pairs, str(path), tmp_path)
    assert_same(again, result.model)
    assert [words[words.index(flag) + 1] for flag in ("--images", "--labels")] == [
        str(image),
        str(paint),
    ]
    assert not (tmp_path / "files").exists()
    # painted on since, and opened under another name
    tifffile.imwrite(paint, annotation.paint.astype(np.int32) + 1)
    other = replace(annotation, image=replace(annotation.image, name="renamed"))
    result = drive(finetune([other], model, options()))
    words, again = repeated(result, [TrainingPair(other, image, paint)], str(path), tmp_path)
    assert_same(again, result.model)
    assert str(image) not in words
    assert str(paint) not in words


@pytest.mark.parametrize("tuned", [True, False])
def test_a_training_that_time_limited_takes_the_same_steps(parent, tmp_path, tuned, monkeypatch):
    model, path = parent
    # a computer that becomes slower on the way, and faster again
    now = 0.0

    def clock():
        nonlocal now
        now += 0.02 if 400 < now * 100 < 700 else 0.01
        return now

    monkeypatch.setattr("napari_unet.core.training.clock.time.monotonic", clock)
    small = (4, 2)
    start = model if tuned else blank()
    chosen = options(steps=300, minutes=0.01 if tuned else 0.02, patience=50)
    result = drive(finetune([scribbled()], start, chosen))
    assert result.trained.ended == "The time is up"
    monkeypatch.undo()
    made = tmp_path / "made.safetensors"
    save_model(result.model, made)
    pairs = [TrainingPair(scribbled(), None, None)]
    job = training_command(pairs, result.model.spec, str(made), str(path), tmp_path / "files")
    words = [*shlex.split(finish(job))[1:], "--overwrite"]
    if not tuned:
        # what the window makes is larger
        words += [
            str(word) for pair in zip(("--base", "--depth"), small, strict=True) for word in pair
        ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    again = load_model(words[words.index("-o") + 1])
    assert_same(again, result.model)
    told, once = again.spec.provenance.training, result.model.spec.provenance.training
    assert words[words.index("--pace-of") + 1] == str(made)
    assert told["steps"] == once["steps"] < 300
    assert told["best_step"] == once["best_step"]
    assert told["curve"] == once["curve"]
    # what repeats it can be repeated
    assert [tuple(pair) for pair in told["pace"]] == [tuple(pair) for pair in once["pace"]]


def test_one_that_was_stopped_ends_there(parent, tmp_path):
    model, path = parent
    result = drive(finetune([scribbled()], model, options(steps=40)), checks=2)
    words, again = repeated(result, [TrainingPair(scribbled(), None, None)], str(path), tmp_path)
    assert_same(again, result.model)
    assert "--pace-of" in words
    assert again.spec.provenance.training["steps"] == result.trained.status.step == 10


def test_a_corrected_result_is_written_beside_its_correction(parent, tmp_path):
    """What was corrected is held out in the same way, beside an annotation that was painted anew."""
    model, path = parent
    corrected = numbered(name="corrected")
    found = np.where(corrected.paint > 200, 0, corrected.paint)
    first = replace(corrected, result_before=found)
    second = replace(numbered(seed=1), image=replace(numbered(seed=1).image, name="other"))
    result = finish(finetune([first, second], model, options(steps=3)))
    pairs = [TrainingPair(first, None, None), TrainingPair(second, None, None)]
    words, again = repeated(result, pairs, str(path), tmp_path)
    assert words.count("--result-before") == 2
    assert again.spec.provenance.training["held_out"] == str(result.trained.training_set.held)
    assert_same(result.model, again)


def test_regions_are_the_same(parent, tmp_path):
    model, path = parent
    ellipse = Region.from_shape(
        "ellipse", np.array([[2.3, 2.1], [2.3, 50.7], [60.9, 50.7], [60.9, 2.1]]), "YX"
    )
    regions = (ellipse, Region.box((0, 20), (40, 64)))
    annotation = numbered(regions=regions)
    result = drive(finetune([annotation], model, options()))
    words, again = repeated(result, [TrainingPair(annotation, None, None)], str(path), tmp_path)
    assert "--region" in words
    assert_same(again, result.model)


def test_each_image_has_its_own_regions(parent, tmp_path):
    model, path = parent
    boxes = [(Region.box((0, 40), (0, 64)),), (), (Region.box((16, 64), (0, 50)),)]
    found = [numbered(seed=i, regions=regions) for i, regions in enumerate(boxes)]
    found = [replace(a, image=replace(a.image, name=f"im {i}")) for i, a in enumerate(found)]
    result = drive(finetune(found, model, options()))
    pairs = [TrainingPair(annotation, None, None) for annotation in found]
    words, again = repeated(result, pairs, str(path), tmp_path)
    assert words[words.index("--region") + 1] == str(tmp_path / "files" / "regions")
    assert_same(again, result.model)


def test_regions_over_planes_are_read_as_they_were_written(tmp_path):
    image = scribbled((4, 5, 64, 64), "TZYX").image
    regions = (
        Region.box((1, 9), (2, 8), Z=(1, 3)),
        Region.box((0, 64), (3, 5), T=(2, 3), Z=(0, 1)),
    )
    write_regions(tmp_path / "regions.csv", regions, image)
    read = read_regions(str(tmp_path / "regions.csv"), image)
    assert [region.outline for region in read] == [region.outline for region in regions]
    assert [region.spans for region in read] == [
        {"T": (0, 4), "Z": (1, 3)},
        {"T": (2, 3), "Z": (0, 1)},
    ]


def test_a_smaller_plan_for_want_of_memory_is_told(parent, tmp_path, monkeypatch):
    model, path = parent
    chosen = options(batch=8, patch=64)
    room = finish_plan(model, chosen) * 0.6
    monkeypatch.setattr("napari_unet.core.device.Compute.free_memory", int(room))
    result = drive(finetune([scribbled()], model, chosen))
    monkeypatch.undo()
    assert result.trained.reduced_by_memory
    words, again = repeated(result, [TrainingPair(scribbled(), None, None)], str(path), tmp_path)
    assert "--memory" in words
    assert_same(again, result.model)
    assert (
        again.spec.provenance.training["memory"] == result.model.spec.provenance.training["memory"]
    )


def finish_plan(model, chosen):
    """The memory that a training would take."""
    return drive(finetune([scribbled()], model, chosen)).trained.plan.memory


def test_what_no_command_can_tell_is_refused(parent, tmp_path):
    model, path = parent
    result = drive(finetune([scribbled()], model, options()))
    pairs = [TrainingPair(scribbled(), None, None)]

    def refuse(why, result=result, pairs=pairs, parent=str(path)):
        with pytest.raises(UserError, match="No command") as error:
            finish(training_command(pairs, result.model.spec, "new", parent, tmp_path / "files"))
        assert why in str(error.value)
        assert not (tmp_path / "files").exists()

    refuse("not saved", parent="")
    inside = scribbled(regions=(Region.box((0, 9), (0, 9)),))
    refuse("the same name", pairs=[*pairs, TrainingPair(inside, None, None)])
    refuse("several kinds", pairs=[*pairs, TrainingPair(numbered(), None, None)])
    odd = scribbled()
    refuse(
        "would change if it were saved",
        pairs=[TrainingPair(replace(odd, image=replace(odd.image, name="a/b")), None, None)],
    )
    refuse("trained longer", drive(finetune([scribbled()], model, options(), longer=result)))
    # more paint, taken up on the way
    paint = Paint((scribbled(),))
    paint.annotations[0].paint[32:] = 0
    job, found = finetune(paint, model, options(steps=15)), None
    while found is None:
        try:
            if isinstance(next(job), ResultSoFar):
                paint.annotations = (scribbled(),)
        except StopIteration as stop:
            found = stop.value
    refuse("annotations were added", found)
    classes = drive(finetune([scribbled()], model, options(classes=("a, b",))))
    refuse("a, b", classes)


def test_how_long_is_said_in_one_way(parent, tmp_path):
    words = ["finetune", "--images", "x", "--labels", "y", "--kind", "classes", "-o"]
    words += [str(tmp_path / "new.safetensors"), "--pace-of", str(parent[1])]
    refused = CliRunner().invoke(app, [*words, "--steps", "5"])
    assert refused.exit_code == 1
    assert "--pace-of with --steps" in refused.output
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 1
    assert "no record" in refused.output


SETTINGS = st.builds(
    FinetuneOptions,
    learning_rate=st.floats(1e-6, 1),
    encoder_rate=st.floats(0, 1),
    batch=st.one_of(st.none(), st.integers(1, 99)),
    patch=st.one_of(st.none(), st.integers(16, 99)),
    use_checkpointing=st.sampled_from(["auto", "off", "all"]),
    held_out=st.floats(0, 0.5),
    patience=st.integers(1, 99),
    seed=st.integers(0, 99),
    device=st.sampled_from(["auto", "cpu"]),
    precision=st.sampled_from(["auto", "float32"]),
    memory=st.one_of(st.none(), st.floats(0.1, 99)),
    task=st.sampled_from([None, "objects"]),
    channels=st.sampled_from([None, (0,), (1, "DAPI")]),
    augment=st.builds(
        AugmentOptions,
        strength=st.floats(0, 2),
        elastic=st.floats(0, 20),
        mirror=st.sampled_from(["", "X", "ZYX"]),
    ),
)


class _ReachedError(Exception):
    pass


@given(chosen=SETTINGS)
def test_the_command_line_understands_every_setting_as_it_was(chosen):
    found = []

    def reach(*_, **__):
        raise _ReachedError

    def note(*args, **kwargs):
        found.append(make(*args, **kwargs))
        return found[-1]

    from napari_unet.cli.training.finetune import training_options as make

    words = ["--images", "x", "--labels", "y", "--kind", "classes", "-o", "n.safetensors"]
    words += ["--steps", "1000", "--minutes", "4.5", *option_words(chosen, ("a b", "c"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_unet.cli.training.finetune.training_options", note)
        patch.setattr("napari_unet.services.files.pairs.find_pairs", reach)
        result = CliRunner().invoke(app, ["finetune", *words])
    assert isinstance(result.exception, _ReachedError), result.output
    wanted = {"name": "n", "classes": ("a b", "c")}
    assert found == [chosen.model_copy(update=wanted)]


@given(step=st.floats(0.01, 5), drift=st.floats(0.9995, 1.0005), minutes=st.floats(0.5, 20))
def test_few_changes_of_the_pace_are_kept_and_the_time_is_met(step, drift, minutes):
    now = 0.0
    status = TrainingStatus(key="", total=2000, patch=(), chunk=1, policy=(0, 0))
    chosen = TrainingOptions(steps=2000, minutes=minutes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", lambda: now)
        clock = TrainingClock(status, chosen)
        while status.step < status.total:
            now += step
            step *= drift
            status.step += 1
            clock.count()
    assert status.total == 2000 or abs(now - minutes * 60) <= 2 * step + 1e-6
    assert len(status.pace) < 400


def test_slow_first_steps_do_not_shorten_a_training():
    now = 0.0
    status = TrainingStatus(key="", total=5000, patch=(), chunk=1, policy=(0, 0))
    totals = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", lambda: now)
        clock = TrainingClock(status, TrainingOptions(steps=5000, minutes=2))
        while status.step < status.total:
            now += 30.0 if status.step < 2 else 0.1
            status.step += 1
            clock.count()
            totals.append(status.total)
    assert totals[0] == 5000
    assert min(totals[5:]) > 500
    assert now == pytest.approx(120, abs=1)
