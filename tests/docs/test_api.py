"""The public API, as a script uses it."""

from __future__ import annotations

import numpy as np
import pytest
from networks import model_of, random_image
from painted import blank, scribbled

import napari_unet as unet
from napari_unet import jobs

FIXED = {"device": "cpu", "precision": "float32"}


@pytest.fixture
def model():
    return model_of(unet.UNetConfig.classic(base=2, depth=2), activation="sigmoid")


@pytest.fixture
def image():
    return unet.Image(random_image((2, 40, 30)), "ZYX")


def test_a_plain_function_gives_what_its_generator_gives(model, image, capsys):
    options = unet.SegmentOptions(threshold=0.4, **FIXED)
    plain = unet.segment(image, model, options)
    assert capsys.readouterr().err == ""
    steps = jobs.segment(image, model, options)
    assert all(0 <= step.fraction <= 1 for step in steps)
    again = unet.finish(jobs.segment(image, model, options))
    assert (plain.labels == again.labels).all()


def test_a_bar_is_shown_if_asked_for(model, image, capsys):
    unet.segment(image, model, unet.SegmentOptions(**FIXED), progress=True)
    assert "Segmenting 100%" in capsys.readouterr().err


def test_cached_outputs_are_relabelled(model, image):
    options = unet.SegmentOptions(**FIXED)
    outputs = unet.cache_outputs(image, model, options)
    labels = unet.relabel(outputs, unet.SegmentOptions(threshold=0.4))
    assert labels.shape == (2, 40, 30)
    regions = unet.next_regions(unet.uncertainty_map(outputs), count=2)
    assert len(regions) == 2


def test_the_way_from_annotations_to_a_new_model(tmp_path):
    annotations = [scribbled(seed=i) for i in range(2)]
    options = unet.FinetuneOptions(steps=3, minutes=None, patch=32, **FIXED)
    described = unet.new_network(annotations, options)
    assert described.ndim == 2
    result = unet.finetune(annotations, blank(), options)
    path = tmp_path / "new.safetensors"
    unet.save_model(result.model, path)
    model = unet.load_model(path)
    assert unet.evaluate(annotations, model).classes
    image = annotations[0].image
    compared = unet.compare_models(image, model, model, unet.SegmentOptions(**FIXED))
    assert not compared.labels.any()


@pytest.mark.parametrize("module", [unet, jobs], ids=["plain", "generator"])
def test_arguments_are_checked_at_the_call(module, model, image):
    for wrong in (("im.tif", model), (image, "nuclei"), (image, model, {"threshold": 1})):
        with pytest.raises(unet.UserError, match=r"`(image|model|options)` can't be used"):
            module.segment(*wrong)
    with pytest.raises(unet.UserError, match="channel 7"):
        module.segment(image, model, unet.SegmentOptions(channels=(7,)))
    for wrong in ([], [image], "labels.tif"):
        for function in (module.finetune, module.evaluate):
            with pytest.raises(unet.UserError, match="annotations"):
                function(wrong, model)


def test_a_job_that_is_never_run_says_so(model, image):
    with pytest.warns(RuntimeWarning, match="segment was called but never run"):
        jobs.segment(image, model)


def test_a_job_can_be_stopped_midway(model, image):
    job = jobs.segment(image, model, unet.SegmentOptions(**FIXED))
    next(job)
    job.close()
    with pytest.raises(StopIteration):
        next(job)


def test_objects_are_measured_and_models_listed():
    labels = np.zeros((20, 30), np.uint16)
    labels[2:6, 3:8] = 7
    columns = unet.measure(unet.Image(labels, "YX"), labels)
    assert list(columns["label"]) == [7]
    assert "nuclei-fluorescence" in [entry.name for entry in unet.Library().entries()]


def test_objects_and_annotations_are_doubted_and_labels_compared():
    pixels = random_image((24, 30))
    model = model_of(unet.UNetConfig.classic(base=2, depth=1, out_channels=3), task="objects")
    outputs = unet.cache_outputs(unet.Image(pixels, "YX"), model, unet.SegmentOptions(**FIXED))
    labels = np.zeros((24, 30), np.uint16)
    labels[3:9, 4:12] = 5
    doubts = unet.doubt_objects(outputs, labels)
    assert doubts.columns["label"].tolist() == [5]
    assert 0 <= doubts.columns["doubt"][0] <= 1
    annotation = unet.Annotation(outputs.image, labels, "objects")
    suspects = unet.suspect_annotations(outputs, annotation, unet.SegmentOptions(**FIXED))
    assert 5 in suspects.columns["label"]
    pair = unet.LabelPair(unet.Image(labels, "YX"), labels)
    scores = unet.compare_labels([pair], "objects")
    assert scores.objects is not None


def test_an_error_thrown_into_a_job_ends_it(model, image):
    job = jobs.segment(image, model, unet.SegmentOptions(**FIXED))
    next(job)
    with pytest.raises(ValueError, match="enough"):
        job.throw(ValueError("enough"))
    assert list(job) == []
