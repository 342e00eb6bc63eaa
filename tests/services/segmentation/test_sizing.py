"""The size of objects and the scale at which a network is shown an image."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from discs import discs
from networks import model_of

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import Notice, finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.library import bundled_folder
from napari_unet.services.segmentation.batch import segment_files
from napari_unet.services.segmentation.cached_outputs import cache_outputs
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.segmentation.tasks import make_tasks

FLOAT = {"device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def nuclei() -> Model:
    return load_model(bundled_folder() / "nuclei-fluorescence.safetensors")


def run(image: Image, model: Model, **options: Any) -> tuple[Any, list[str]]:
    """Segment, and return the result and what was told before the work began."""
    job = segment(image, model, SegmentOptions(**FLOAT, **options))
    told = []
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value, told
        if isinstance(step, Notice):
            told.append(step.text)


def without_size(model: Model) -> Model:
    return dataclasses.replace(model, spec=model.spec.model_copy(update={"diameter": None}))


def test_objects_of_the_right_size_are_segmented_as_if_there_were_no_diameter(nuclei):
    image = discs(20, 160)
    result, told = run(image, nuclei)
    before, _ = run(image, without_size(nuclei))
    np.testing.assert_array_equal(result.labels, before.labels)
    assert result.record["rescaled_shape"] == []
    assert result.record["diameter"]["pixels"] == pytest.approx(20, rel=0.2)
    assert result.record["diameter"]["source"] == "estimated"
    assert not told
    assert result.notes == [
        f"Diameter estimated: {result.record['diameter']['pixels']:.3g} pixels."
    ]


def test_large_objects_are_found_whole_at_the_scale_that_was_learnt(nuclei):
    image = discs(110, 600)
    result, _ = run(image, nuclei)
    assert result.labels.max() == 9
    diameter, factors = (result.record["diameter"][n] for n in ("pixels", "factors"))
    assert factors == pytest.approx([nuclei.spec.diameter / diameter] * 2, rel=1e-3)
    assert result.record["rescaled_shape"] == [round(600 * factors[0])] * 2
    # a diameter that was set needs no estimate, and gives the same
    again, told = run(image, nuclei, diameter=diameter)
    assert again.record["diameter"]["source"] == "given"
    assert not told
    assert not again.notes
    assert (again.labels > 0).mean() == pytest.approx((result.labels > 0).mean(), rel=1e-3)
    # and turned off, nothing is rescaled
    assert run(image, nuclei, rescale=False)[0].record["diameter"]["factors"] == []


def test_a_region_is_at_the_scale_of_the_whole(nuclei):
    image = discs(60, 300)
    options = SegmentOptions(**FLOAT, probabilities=True)
    whole = finish(segment(image, nuclei, options))
    region = slice(100, 180), slice(20, 130)
    part = finish(segment(image, nuclei, options, region=region))
    assert part.record["diameter"] == whole.record["diameter"]
    inside = (slice(None), *region)
    np.testing.assert_allclose(part.probabilities[inside], whole.probabilities[inside], atol=1e-4)


def test_cached_outputs_are_those_of_the_same_scale(nuclei):
    image = discs(60, 300)
    cached = finish(cache_outputs(image, nuclei, SegmentOptions(**FLOAT)))
    result, _ = run(image, nuclei, probabilities=True)
    assert np.abs(cached.probabilities / 255 - result.probabilities).max() < 0.01


def test_much_work_is_told_with_its_time_before_it_begins(nuclei):
    result, told = run(discs(20, 100), nuclei, diameter=5)
    assert result.record["rescaled_shape"]
    (text,) = told
    assert re.search(r"15 times the work, about \d+ s\. `diameter=9\.7` makes it 4 times", text)
    assert "`rescale=False`" in text
    assert text == result.record["diameter"]["warning"]
    assert not run(discs(20, 100), nuclei, diameter=10.5)[1]


def test_pixel_sizes_of_a_network_without_a_diameter_are_told_likewise():
    model = model_of(UNetConfig.classic(base=2, depth=2), pixel_size=(0.1, 0.1))
    image = Image(np.zeros((20, 30), np.float32), "YX", {"Y": 0.5, "X": 0.5}, "um")
    result, told = run(image, model)
    assert result.record["diameter"]["source"] == "pixel size"
    assert "25 times the work" in told[0]


def test_nothing_found_is_told_and_the_image_is_left_as_it_is(nuclei):
    noise = np.random.default_rng(0).normal(100, 5, (80, 90)).astype(np.float32)
    result, _ = run(Image(noise, "YX"), nuclei)
    assert "No objects were found at any scale" in result.notes[0]
    assert result.record["diameter"]["pixels"] is None
    assert result.record["rescaled_shape"] == []


@pytest.mark.parametrize("diameter", [0, 1, -3, float("nan"), float("inf")])
def test_what_is_no_diameter_is_refused(diameter):
    with pytest.raises(ValueError, match="diameter"):
        SegmentOptions(diameter=diameter)


def test_a_diameter_larger_than_the_image_is_refused_at_once(nuclei):
    with pytest.raises(
        UserError, match=r"larger than the image: 200 pixels, the image is 100 × 80"
    ):
        segment(Image(np.zeros((80, 100), np.uint8), "YX"), nuclei, SegmentOptions(diameter=200))


def test_a_network_that_states_none_can_not_follow_one(nuclei):
    with pytest.raises(UserError, match="states no diameter"):
        prepare(discs(20, 60), without_size(nuclei), SegmentOptions(diameter=20))


def test_diameter_and_pixel_size_that_contradict_are_told():
    model = model_of(UNetConfig.classic(base=2, depth=2), pixel_size=(0.1, 0.1), diameter=20)
    image = Image(np.zeros((64, 64), np.float32), "YX")
    (note,) = run(image, model, diameter=40, pixel_size=0.2)[0].notes
    assert "contradict" in note
    assert "measure 10 pixels, not 40" in note
    assert not run(image, model, diameter=12, pixel_size=0.2)[0].notes
    # a pixel size that was set counts, unless a diameter is
    alone, _ = run(image, model, pixel_size=0.2)
    assert alone.record["diameter"]["source"] == "pixel size"
    assert "no effect" in run(image, model, diameter=40, rescale=False)[0].notes[0]


def test_each_image_of_a_batch_has_its_own_diameter(nuclei, tmp_path):
    for name, diameter in (("small", 18), ("large", 90)):
        tifffile.imwrite(tmp_path / f"{name}.tif", discs(diameter, 300).data)
    sources: list[Path] = sorted(tmp_path.glob("*.tif"))
    tasks = make_tasks(sources, tmp_path / "out", into_folder=True)
    outcomes = finish(segment_files(tasks, nuclei, SegmentOptions(**FLOAT)))
    notes = {outcome.task.source.stem: outcome.notes[-1] for outcome in outcomes}
    found = {
        name: float(re.findall(r"estimated: ([\d.]+)", note)[0]) for name, note in notes.items()
    }
    assert found == {"small": pytest.approx(18, rel=0.2), "large": pytest.approx(90, rel=0.2)}
    # a warning names its file
    job = segment_files(tasks, nuclei, SegmentOptions(**FLOAT, diameter=5), existing="replace")
    warning = next(step.text for step in job if isinstance(step, Notice))
    assert warning.startswith("large.tif: Objects of 5 pixels are enlarged")
