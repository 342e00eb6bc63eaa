"""What a model was tuned from, and where two models differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import model_of
from painted import blank, options
from typer.testing import CliRunner

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.evaluation.difference import difference
from napari_unet.core.image.axes import Image
from napari_unet.core.model.file import weights_hash
from napari_unet.core.model.spec import Provenance
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.evaluation.compare import compare
from napari_unet.services.library import Library
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.history import gain, lineages

CONFIG = UNetConfig.classic(base=2, depth=1, out_channels=2)
LABELS = arrays(np.uint8, (2, 6, 7), elements=st.integers(0, 3))


def scores(iou):
    return [{"name": n, "pixels": 9, "iou": x, "dice": x} for n, x in (("ground", 0.9), ("a", iou))]


def child(parent, seed, before, after):
    """A model that says it was tuned from another one."""
    model = model_of(CONFIG, seed=seed, name="tuned")
    told = {"scores": {"before": scores(before), "after": scores(after)}, "images": ["plate"]}
    made = Provenance(parent=weights_hash(parent.network.state_dict()), training=told)
    return replace(model, spec=model.spec.model_copy(update={"provenance": made}))


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A model, one tuned from it, and one tuned from that."""
    monkeypatch.setattr("napari_unet.services.library.user_data_path", lambda *_, **__: tmp_path)
    library = Library()
    first = model_of(CONFIG, name="first")
    second = child(first, 1, 0.5, 0.7)
    for model in (first, second, child(second, 2, 0.7, 0.75)):
        library.add(model)
    return library


def test_a_model_knows_what_it_was_tuned_from(library):
    lines = lineages(library.entries())
    assert [e.name for e in lines["tuned-2"]] == ["tuned-2", "tuned", "first"]
    assert [e.name for e in lines["first"]] == ["first"]
    assert str(gain(library.spec("tuned"))) == "IoU 0.500 → 0.700"
    assert gain(library.spec("first")) is None


def test_a_model_of_objects_is_told_by_its_objects():
    spec = model_of(UNetConfig.classic(base=2, depth=1, out_channels=3), task="objects").spec
    told = {
        when: [*scores(0.9), {"name": "objects", "pixels": 5, "iou": iou, "dice": iou}]
        for when, iou in (("before", 0.4), ("after", 0.6))
    }
    made = Provenance(training={"scores": told})
    assert str(gain(spec.model_copy(update={"provenance": made}))) == "IoU 0.400 → 0.600"


def test_a_deleted_parent_ends_the_line(library):
    library.delete("tuned")
    assert [e.name for e in lineages(library.entries())["tuned-2"]] == ["tuned-2"]


def test_the_command_line_shows_the_history(library):
    from napari_unet.cli import app

    told = CliRunner().invoke(app, ["models", "history", "tuned-2"]).output
    assert [line.split()[0] for line in told.splitlines()[1:]] == ["tuned-2", "tuned", "first"]
    assert "IoU 0.700 → 0.750" in told
    assert "plate" in told


@given(LABELS, LABELS)
def test_a_difference_says_which_of_the_two_found_something(before, now):
    found = difference(before, now, "classes")
    assert (found == 0).sum() == (before == now).sum()
    assert np.array_equal(found == 1, (before > 0) & (now == 0))
    assert np.array_equal(found == 2, (now > 0) & (before == 0))
    assert not (difference(before, now, "foreground") == 3).any()


@given(LABELS)
def test_other_numbers_are_no_difference_between_objects(labels):
    other = np.where(labels > 0, 7 - labels, 0)
    assert not difference(labels, other, "objects").any()


def test_an_object_that_was_divided_differs_where_it_went_to_another():
    before = np.zeros((6, 10), int)
    before[1:5, 1:9] = 4
    now = before.copy()
    now[1:5, 6:9] = 9
    found = difference(before, now, "objects")
    # the larger part is still the same object
    assert np.array_equal(found == 3, now == 9)
    assert not (found[now != 9]).any()


def test_two_models_are_compared_where_it_is_asked_for():
    rng = np.random.default_rng(0)
    image = Image(rng.random((3, 40, 40)).astype(np.float32), "ZYX")
    models = [model_of(CONFIG, seed=seed) for seed in (0, 1)]
    whole = finish(compare(image, *models))
    assert whole.meaning == "classes"
    assert whole.labels.any()
    box = (slice(1, 2), slice(4, 30), slice(0, 20))
    part = finish(compare(image, *models, region=box))
    assert np.array_equal(part.labels, whole.labels[box])
    assert str(finish(compare(image, models[0], models[0]))) == "Both give the same result here."


def test_the_command_line_compares_two_models(library, tmp_path):
    from napari_unet.cli import app

    pixels = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    tifffile.imwrite(tmp_path / "image.tif", pixels)
    out = tmp_path / "difference.tif"
    words = ["compare", str(tmp_path / "image.tif"), "--before", "first", "--now", "tuned"]
    told = CliRunner().invoke(app, [*words, "-o", str(out)])
    assert "of the pixels differ" in told.output, told.output
    models = [finish(library.load(name)) for name in ("first", "tuned")]
    expected = finish(compare(Image(pixels, "YX"), *models)).labels
    assert np.array_equal(tifffile.imread(out), expected)
    again = CliRunner().invoke(app, [*words, "-o", str(out)])
    assert again.exit_code != 0
    same = CliRunner().invoke(app, [*words[:-1], "first"])
    assert "same result" in same.output


@pytest.mark.parametrize(("backgrounds", "kind"), [((4, 4), "fluorescence"), ((4, 240), None)])
def test_the_kind_of_images_is_recorded_unless_they_were_of_several(backgrounds, kind):
    random = np.random.default_rng(0)
    annotations = []
    for i, background in enumerate(backgrounds):
        pixels = random.normal(background, 2, (64, 64))
        pixels[20:30, 20:30] = 250 - background
        labels = np.zeros((64, 64), np.int32)
        labels[20:30, 20:30] = 1
        pixels = pixels.clip(0, 255).astype(np.uint8)
        annotations.append(Annotation(Image(pixels, "YX", name=f"{i}"), labels, "objects"))
    chosen = options(steps=1, held_out=0, task="objects")
    result = finish(finetune(annotations, blank(task="objects"), chosen))
    assert result.model.spec.provenance.training["kind"] == kind
