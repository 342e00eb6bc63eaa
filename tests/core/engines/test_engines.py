"""Every engine gives what torch gives, tile for tile, and can be stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import model_of, random_image

from napari_unet.core.device import Compute
from napari_unet.core.engines import choice
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.inference import eight_bits
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.progress import Notice
from napari_unet.core.unet.config import UNetConfig

GRAPH_ENGINES = ("openvino", "onnx")
NETWORKS = [
    {"upsampling": "transposed", "norm": "batch"},
    {"upsampling": "linear", "projection": True, "norm": "none"},
    {"upsampling": "linear_aligned", "norm": "batch"},
    {"upsampling": "transposed", "norm": "batch", "ndim": 3, "depth": 1},
    {"upsampling": "linear_aligned", "norm": "none", "ndim": 3, "depth": 1},
]


@pytest.fixture(params=GRAPH_ENGINES)
def engine(request):
    if not choice.is_installed(request.param):
        pytest.skip(f"the engine {request.param} is not installed")
    return request.param


def outputs_of(predictor, image, axes):
    (frame,) = frames(image, axes, [0])
    out = np.full((predictor.spec.config.out_channels, *frame.shape), np.nan, np.float32)
    notices = []
    for step in predictor.run([frame]):
        if isinstance(step, Outputs):
            out[(slice(None), *step.write)] = step.values
        elif isinstance(step, Notice):
            notices.append(step.text)
    assert not np.isnan(out).any(), "a pixel was not written"
    return out, notices


@pytest.mark.parametrize("options", NETWORKS, ids=lambda o: "-".join(map(str, o.values())))
def test_tiles_of_every_engine_equal_the_whole_image(engine, options):
    config = UNetConfig.classic(**{"base": 3, "depth": 2, "out_channels": 2} | options)
    model = model_of(config)
    shape = (60, 90) if config.ndim == 2 else (14, 15, 40)
    image = Image(random_image(shape), config.spatial)
    with torch.inference_mode():
        expected = model.network(torch.from_numpy(image.data)[None, None])[0].numpy()
    tile = max(2 * -(-h // s) * s + s for h, s in zip(config.halo, config.total_stride))
    predictor = Predictor(model, Compute("cpu", "float32", engine), tile=tile)
    assert predictor.plan(shape).n_tiles > 1
    found, _ = outputs_of(predictor, image, config.spatial)
    assert np.abs(found - expected).max() <= 1e-5 * max(np.abs(expected).max(), 1)


def test_a_run_can_be_stopped_within_a_tile_and_another_one_started(engine):
    model = model_of(UNetConfig.classic(base=8, depth=2))
    image = Image(random_image((512, 512)), "YX")
    predictor = Predictor(model, Compute("cpu", "float32", engine))
    run = predictor.run(frames(image, "YX", [0]))
    next(step for step in run if step.fraction > 0 or isinstance(step, Outputs))
    run.close()
    small = Image(image.data[:64, :64], "YX")
    expected, _ = outputs_of(Predictor(model, Compute("cpu", "float32")), small, "YX")
    found, _ = outputs_of(predictor, small, "YX")
    assert np.allclose(found, expected, atol=1e-5)


def test_8_bits_are_used_where_they_agree_and_kept_for_the_next_image(engine, tmp_path):
    model = model_of(UNetConfig.classic(base=4, depth=1), activation="sigmoid")
    image = Image(random_image((96, 96)), "YX")
    compute = Compute("cpu", "int8", engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eight_bits, "MAX_CHANGED", 0.1)  # a random network is sure of nothing
        patch.setattr(eight_bits, "MAX_MEAN_DIFFERENCE", 0.05)
        predictor = Predictor(model, compute, calibration=tmp_path)
        found, notices = outputs_of(predictor, image, "YX")
        assert predictor.precision == "int8"
        assert notices == []
        exact, _ = outputs_of(Predictor(model, replace(compute, precision="float32")), image, "YX")
        assert 0 < np.abs(found - exact).mean() < 0.05
        assert len(list(tmp_path.glob("*.json"))) == 1
        # nothing is measured again
        patch.delattr(eight_bits, "feature_ranges")
        again, _ = outputs_of(Predictor(model, compute, calibration=tmp_path), image, "YX")
    assert np.array_equal(again, found)


def test_tiles_in_8_bits_equal_the_whole_image_to_the_bit(tmp_path):
    if not choice.is_installed("openvino"):
        pytest.skip("OpenVINO is not installed")
    model = model_of(UNetConfig.classic(base=4, depth=2))
    image = Image(random_image((130, 150)), "YX")
    compute = Compute("cpu", "int8", "openvino")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eight_bits, "MAX_CHANGED", 1.0)
        patch.setattr(eight_bits, "MAX_MEAN_DIFFERENCE", 100.0)
        whole, _ = outputs_of(Predictor(model, compute, calibration=tmp_path), image, "YX")
        predictor = Predictor(model, compute, calibration=tmp_path, tile=96)
        assert predictor.plan((130, 150)).n_tiles > 1
        tiled, _ = outputs_of(predictor, image, "YX")
    assert np.array_equal(tiled, whole)


def test_where_8_bits_differ_32_are_taken_and_that_is_told(engine, tmp_path):
    model = model_of(UNetConfig.classic(base=4, depth=1), activation="sigmoid")
    image = Image(random_image((96, 96)), "YX")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eight_bits, "MAX_MEAN_DIFFERENCE", 0.0)
        predictor = Predictor(model, Compute("cpu", "int8", engine), calibration=tmp_path)
        found, notices = outputs_of(predictor, image, "YX")
    assert predictor.precision == "float32"
    assert any("32 bits" in text for text in notices)
    expected, _ = outputs_of(Predictor(model, Compute("cpu", "float32")), image, "YX")
    assert np.allclose(found, expected, atol=1e-5)


def test_what_is_missing_or_does_not_go_together_is_said(monkeypatch):
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    assert choice.choose_compute("cpu").engine == "torch"
    with pytest.raises(UserError, match="pip install 'napari-unet-studio\\[openvino\\]'"):
        choice.choose_compute("cpu", engine="openvino")
    with pytest.raises(UserError, match="int8"):
        choice.choose_compute("cpu", "int8")
    monkeypatch.setattr(choice, "find_spec", lambda name: object())
    assert choice.choose_compute("cpu").engine == "openvino"
    assert choice.choose_compute("cpu", "int8") == Compute("cpu", "int8", "openvino")
    with pytest.raises(UserError, match="bfloat16"):
        choice.choose_compute("cpu", "bfloat16", "onnx")
    with pytest.raises(UserError, match="does not compute on this device"):
        choice.choose_compute("cuda", engine="openvino")
