"""What is told of results that can hardly be right: by figures, and on real images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import strong_network

from napari_unet.core.image.axes import Image
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.progress import Notice, finish
from napari_unet.core.suitability.outcome import Found, doubted, may_be_doubted
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.files.images import open_image
from napari_unet.services.library import Library
from napari_unet.services.segmentation.batch import segment_files
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.segmentation.tasks import Task

PIXELS = 1_000_000
SIDE = 256


def found(foreground, unsure=0.1, **others):
    """A result with this part of foreground, of which this part is unsure."""
    histogram = np.zeros(256, np.int64)
    shares = {0: 1 - foreground, 140: foreground * unsure, 250: foreground * (1 - unsure)}
    for value, share in shares.items():
        histogram[value] = round(PIXELS * share)
    return Found(histogram, 0.5, **others)


def objects(*diameters, **others):
    return {"diameters": np.array(diameters, float), "expected": 20.0, **others}


@pytest.mark.parametrize(
    ("result", "misfits", "subject"),
    [
        (found(0.3), False, None),
        (found(0), False, "nothing"),
        (found(0.2, **objects()), False, "nothing"),
        (found(0.3, **objects(*[20] * 30)), True, None),
        (found(0.6, **objects(*[20] * 30)), True, "too much"),
        # cells may fill an image
        (found(0.97, **objects(*[20] * 30)), False, None),
        (found(0.97), False, None),
        (found(0.9, **objects(900, largest=0.6)), False, "one object"),
        (found(0.3, **objects(*[2] * 40, *[20] * 10)), False, "specks"),
        (found(0.3, **objects(*[2] * 4, 20)), False, None),
        (found(0.3, **objects(*[2] * 40, expected=None)), False, None),
        (found(0.3, unsure=0.9), False, "unsure"),
        (found(0.3, unsure=0.5), False, None),
        (found(0.3, unsure=0.5), True, "another kind"),
    ],
)
def test_what_speaks_against_a_result(result, misfits, subject):
    assert doubted(result, PIXELS, misfits=misfits) == subject
    if subject:
        assert may_be_doubted(result)


def test_little_is_told_of_small_images():
    assert doubted(found(0.6, unsure=0.9), 5_000, misfits=True) is None
    assert doubted(found(0), 5_000, misfits=True) == "nothing"


def told(image, name):
    model = finish(Library().load(name))
    return finish(segment(image, model)).record["outcome"]


def crop(path, plane=0, side=SIDE):
    """The middle of an image, or of a plane of a stack."""
    image = open_image(path)
    pixels = np.asarray(image.data[plane] if image.data.ndim == 3 else image.data[...])
    y, x = ((n - side) // 2 for n in pixels.shape)
    return Image(pixels[y : y + side, x : x + side], "YX")


WRONG = {
    "nuclei on bright field": ("nuclei-fluorescence", "Far too much found", "“everything” suits"),
    "nuclei on an electron micrograph": ("nuclei-fluorescence", "too much", "“axons-em” suits"),
    "cells on nuclei": ("cells-phase", "Far too much found", "“nuclei-fluorescence” suits"),
    "nuclei on noise": ("nuclei-fluorescence", "", ""),
    "cells on noise": ("cells-phase", "One object covers", "set their `diameter`"),
    "nuclei on cells": ("nuclei-fluorescence", "", "“cells-phase” suits this image better"),
}


@pytest.fixture(scope="module")
def images(shared_data):
    """Crops of real images, one inverted, and noise."""
    nuclei = crop(shared_data / "more" / "nuclei-bbbc039" / "images" / "G06_s3.tif")
    phase = crop(shared_data / "more" / "phase-u373-seq01" / "images" / "t092.tif", side=512)
    micrograph = crop(shared_data / "em-isbi2012" / "volume.tif", 15)
    noise = np.random.default_rng(0).normal(100, 10, (SIDE, SIDE))
    return {
        "nuclei": nuclei,
        "cells": phase,
        "an electron micrograph": micrograph,
        "bright field": replace(nuclei, data=nuclei.data.max() - nuclei.data),
        "noise": Image(noise, "YX"),
    }


@pytest.mark.parametrize(("what", "name", "says", "advice"), [(k, *v) for k, v in WRONG.items()])
def test_a_wrong_network_is_told(images, what, name, says, advice):
    outcome = told(images[what.partition(" on ")[2]], name)
    assert outcome
    assert says in outcome
    assert advice in outcome


@pytest.mark.parametrize(
    ("what", "name"), [("nuclei", "nuclei-fluorescence"), ("cells", "cells-phase")]
)
def test_the_right_network_is_left_alone(images, what, name):
    assert told(images[what], name) == ""


def model():
    config = UNetConfig.classic(base=4, depth=2, out_channels=1)
    spec = ModelSpec(name="mine", config=config, activation="sigmoid", classes=("cell",))
    return Model(spec, strong_network(config))


def test_it_is_a_notice_a_note_and_in_the_record(tmp_path):
    image = Image(np.random.default_rng(0).normal(size=(40, 50)), "YX")
    options = SegmentOptions(threshold=1.0)
    steps, job = [], segment(image, model(), options)
    while True:
        try:
            steps.append(next(job))
        except StopIteration as stop:
            result = stop.value
            break
    notices = [step.text for step in steps if isinstance(step, Notice)]
    assert notices == [result.record["outcome"]] == result.notes[:1]
    assert notices[0].startswith("No objects found.")


def test_a_part_of_an_image_says_nothing():
    image = Image(np.random.default_rng(0).normal(size=(40, 50)), "YX")
    part = slice(0, 20), slice(0, 20)
    result = finish(segment(image, model(), SegmentOptions(threshold=1.0), region=part))
    assert result.record["outcome"] == ""


def test_of_files_it_is_told_once_with_the_name(tmp_path):
    import tifffile

    path = tmp_path / "dark.tif"
    tifffile.imwrite(path, np.zeros((40, 50), np.uint8))
    options = SegmentOptions(threshold=1.0)
    steps, job = [], segment_files([Task(path, tmp_path / "labels.tif")], model(), options)
    while True:
        try:
            steps.append(next(job))
        except StopIteration as stop:
            (outcome,) = stop.value
            break
    assert outcome.notes[0].startswith("No objects found.")
    assert not [step for step in steps if isinstance(step, Notice)]
