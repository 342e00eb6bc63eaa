"""`napari-unet relabel`, as a user types it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from networks import strong_network

from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.unet.config import UNetConfig

FIXED = "--precision", "float32", "--device", "cpu"


@pytest.fixture(params=["objects", "one class", "exclusive classes"])
def model(request, tmp_path):
    outputs, spec = {
        "objects": (3, {"task": "objects"}),
        "one class": (1, {"activation": "sigmoid"}),
        "exclusive classes": (3, {"activation": "softmax"}),
    }[request.param]
    path = tmp_path / "model.safetensors"
    config = UNetConfig.classic(base=2, depth=2, out_channels=outputs)
    named = ModelSpec(name=request.param, config=config, **spec)
    save_model(Model(named, strong_network(config)), path)
    return path


@pytest.fixture
def maps(run, model, images, tmp_path):
    """What the model says of a stack of two planes."""
    path = tmp_path / "maps.tif"
    words = "-o", tmp_path / "first.tif", "--model", model, *FIXED, "--probabilities", path
    result = run("segment", images / "im1.tif", *words)
    assert result.exit_code == 0, result.output
    return path


@pytest.mark.parametrize(
    "settings",
    [
        ("--objects", "--smallest", 0, "--threshold", 0.1),
        ("--objects", "--threshold", 0.2, "--separation", 0.1, "--smallest", 0.1),
        ("--objects", "--smallest", 0, "--threshold", 0.1, "--no-fill-holes"),
        ("--no-objects", "--threshold", 0.2),
    ],
)
def test_labels_are_those_of_the_network(run, model, images, maps, tmp_path, settings):
    again, anew = tmp_path / "again.tif", tmp_path / "anew.tif"
    result = run("relabel", maps, "-o", again, "--model", model, *settings)
    if "--no-objects" in settings and load_model(model).spec.activation == "softmax":
        assert "No setting changes" in result.output
        return
    assert result.exit_code == 0, result.output
    words = "-o", anew, "--model", model, *FIXED, *settings
    assert run("segment", images / "im1.tif", *words).exit_code == 0
    with tifffile.TiffFile(again) as one, tifffile.TiffFile(anew) as other:
        assert one.series[0].axes == other.series[0].axes
        assert one.asarray().dtype == other.asarray().dtype
        assert np.array_equal(one.asarray(), other.asarray())
        assert one.asarray().any()


def test_nothing_is_overwritten_unless_asked_for(run, model, maps, tmp_path):
    out = tmp_path / "labels.tif"
    words = "relabel", maps, "-o", out, "--model", model, "--objects"
    assert run(*words).exit_code == 0
    refused = run(*words)
    assert refused.exit_code == 1
    assert "already exists" in refused.output
    assert run(*words, "--overwrite").exit_code == 0


def test_what_is_no_probabilities_is_explained(run, model, images, maps, tmp_path):
    stretched = tmp_path / "stretched.tif"
    pixels = tifffile.imread(maps)
    with tifffile.TiffFile(maps) as file:
        axes = file.series[0].axes
    tifffile.imwrite(stretched, pixels * 300, photometric="minisblack", metadata={"axes": axes})
    for source in (images / "im1.tif", stretched):
        out = tmp_path / "labels.tif"
        result = run("relabel", source, "-o", out, "--model", model, "--objects")
        assert result.exit_code == 1
        assert "does not hold probabilities" in result.output
        assert not out.exists()
