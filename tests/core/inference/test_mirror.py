"""Averaging over mirror images, against mirror images made by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import tifffile
from networks import model_of, random_image
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.inference.uncertainty import uncertainty
from napari_unet.core.model.file import save_model
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment

EXACT = {"device": "cpu", "precision": "float32", "probabilities": True}


def run(image, model, region=None, **changed):
    return finish(segment(image, model, SegmentOptions(**EXACT, **changed), region=region))


def by_hand(pixels, axes, model, **changed):
    """The mean over mirror images, each segmented as an image of its own."""
    found = []
    for turn in product((False, True), repeat=len(model.spec.axes)):
        along = [axes.index(a) for a, on in zip(model.spec.axes, turn) if on]
        maps = run(Image(np.flip(pixels, along), axes), model, **changed).probabilities
        # one axis of channels in both
        found.append(np.flip(maps, along if "C" in axes else [a + 1 for a in along]))
    return np.mean(found, axis=0)


def network(ndim, task, **others):
    outputs = {"softmax": 3, "sigmoid": 2, "objects": 3}[task]
    config = UNetConfig.classic(ndim=ndim, base=2, depth=2, out_channels=outputs, **others)
    told = {"task": "objects"} if task == "objects" else {"activation": task}
    return model_of(config, **told, normalization=Normalization(kind="zscore"))


@pytest.mark.parametrize("task", ["softmax", "sigmoid", "objects"])
@pytest.mark.parametrize("tile", [None, 64])
def test_planes_of_a_stack(task, tile):
    model = network(2, task)
    pixels = random_image((2, 95, 71))
    found = run(Image(pixels, "TYX"), model, mirror=True, tile=tile)
    expected = by_hand(pixels, "TYX", model)
    assert found.probabilities == pytest.approx(expected, abs=2e-5)
    plain = run(Image(pixels, "TYX"), model).probabilities
    assert np.abs(plain - expected).max() > 1e-3


@pytest.mark.parametrize(("task", "tile"), [("softmax", None), ("sigmoid", 56), ("objects", 56)])
def test_volumes(task, tile):
    model = network(3, task)
    pixels = random_image((9, 70, 30))
    found = run(Image(pixels, "ZYX"), model, mirror=True, tile=tile)
    assert found.probabilities == pytest.approx(by_hand(pixels, "ZYX", model), abs=2e-5)


def test_channels_and_axes_in_another_order():
    model = network(2, "softmax", in_channels=2)
    pixels = random_image((2, 40, 33))
    expected = by_hand(pixels, "CYX", model)
    found = run(Image(pixels.transpose(2, 0, 1), "XCY"), model, mirror=True)
    assert found.probabilities.transpose(0, 2, 1) == pytest.approx(expected, abs=2e-5)


def test_a_window_and_another_pixel_size():
    model = network(2, "sigmoid")
    spec = model.spec.model_copy(update={"pixel_size": (0.5, 0.5)})
    model = type(model)(spec, model.network)
    image = Image(random_image((80, 90)), "YX", {"Y": 0.25, "X": 0.25}, "micrometer")
    whole = run(image, model, mirror=True)
    assert whole.record["rescaled_shape"] == [40, 45]
    region = (slice(10, 43), slice(31, 90))
    part = run(image, model, region=region, mirror=True)
    inside = (slice(None), *region)
    assert part.probabilities[inside] == pytest.approx(whole.probabilities[inside], abs=2e-5)


def test_labels_uncertainty_record_and_plan_tell_of_it():
    model = network(2, "softmax")
    image = Image(random_image((2, 40, 50)), "TYX")
    found = run(image, model, mirror=True, uncertainty=True)
    assert (found.labels == found.probabilities.argmax(axis=0)).all()
    assert (found.uncertainty == uncertainty(found.probabilities, model.spec)).all()
    assert found.record["options"]["mirror"]
    once, often = (
        prepare(image, model, SegmentOptions(**EXACT, mirror=m)).plan for m in (False, True)
    )
    assert often.n_tiles == 4 * once.n_tiles
    assert often.memory > once.memory / 2 + 3 * 4 * 40 * 50 - 1
    assert "4 times the time" in str(often)
    assert "times" not in str(once)


def test_progress_never_goes_back():
    model = network(2, "softmax")
    steps = list(
        segment(Image(random_image((2, 40, 50)), "TYX"), model, SegmentOptions(mirror=True))
    )
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_from_the_command_line(tmp_path):
    model = network(2, "softmax")
    save_model(model, tmp_path / "some.safetensors")
    pixels = random_image((40, 50))
    tifffile.imwrite(tmp_path / "in.tif", pixels)
    words = ["segment", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--mirror"]
    words += ["--model", tmp_path / "some.safetensors", "--uncertainty", tmp_path / "unsure.tif"]
    result = CliRunner().invoke(app, [*map(str, words), "--precision", "float32"])
    assert result.exit_code == 0, result.output
    expected = run(Image(pixels, "YX"), model, mirror=True, uncertainty=True)
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), expected.labels)
    unsure = tifffile.imread(tmp_path / "unsure.tif")
    assert unsure == pytest.approx(expected.uncertainty, abs=1e-6)
