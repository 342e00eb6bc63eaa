"""Networks exported for ZEISS ZEN and for Pytorch-UNet, run as these programs run them."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch
from foreign_networks import PytorchUNet
from networks import model_of

from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.exporters.credits import Credits
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers import load_foreign
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.progress import Notice, finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.export import export

NOBODY = Credits()
ZSCORE = Normalization(kind="zscore", per_channel=False)
CLIPPED = Normalization(kind="percentile", clip=(0.0, 1.0))
LINEAR = Normalization(kind="linear", gain=(0.02, 0.01), offset=(-1.0, 0.5))


def small(ndim=2, channels=1, classes=3, **spec):
    config = UNetConfig.classic(
        base=4, depth=1, ndim=ndim, in_channels=channels, out_channels=classes
    )
    return model_of(config, name="small", **{"normalization": Normalization(), **spec})


def ours(model, pixels):
    """The model's outputs for an image, (classes, …)."""
    config = model.spec.config
    image = Image(pixels, "C" + config.spatial, name="tile")
    out = np.zeros((config.out_channels, *pixels.shape[1:]), np.float32)
    for step in Predictor(model, Compute("cpu", "float32")).run(
        frames(image, config.spatial, range(config.in_channels))
    ):
        if isinstance(step, Outputs):
            out[(slice(None), *step.write)] = step.values
    return out


@pytest.mark.parametrize(
    "model",
    [
        small(activation="softmax"),
        small(activation="sigmoid", classes=2, normalization=CLIPPED, channels=2),
        small(task="objects", normalization=ZSCORE, channels=2),
        small(ndim=3, activation="softmax", classes=2, normalization=Normalization(kind="zscore")),
        small(activation="none", classes=1, normalization=LINEAR, channels=2),
        small(activation="softmax", normalization=Normalization(kind="divide_255")),
    ],
    ids=["percentile", "clipped", "objects", "volume", "linear", "divide_255"],
)
def test_a_package_for_zen_gives_the_classes_that_ours_gives(model, tmp_path, monkeypatch):
    runtime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr("napari_unet.core.exporters.czann.SIDES", {2: (64, 48), 3: (8, 24, 16)})
    finish(export(model, tmp_path / "small.czann", NOBODY))
    with zipfile.ZipFile(tmp_path / "small.czann") as archive:
        told = json.loads(archive.read("model.json"))
        session = runtime.InferenceSession(archive.read("model.model"))
    *shape, channels = told["InputShape"]
    pixels = np.random.default_rng(0).integers(0, 256, (channels, *shape)).astype(np.uint8)
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    assert given.shape == [1, *told["InputShape"]]
    assert made.shape == [1, *told["OutputShape"]]
    tile = np.moveaxis(pixels, 0, -1)[None].astype(np.float32) / 255
    (found,) = session.run(None, {given.name: tile})
    found = np.moveaxis(found[0], -1, 0)
    expected = ours(model, pixels)
    if model.spec.task == "objects":
        foreground, boundary = expected[:2]
        expected = [1 - foreground, foreground * boundary, foreground * (1 - boundary)]
    elif model.spec.activation != "softmax":
        expected = [1 - expected.max(axis=0), *expected]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
    assert len(told["Classes"]) == told["OutputShape"][-1]
    halo = model.spec.config.halo
    assert all(n % 2 == 0 and n >= 2 * h for n, h in zip(told["MinOverlap"], halo, strict=True))
    assert all(side > n for side, n in zip(shape, told["MinOverlap"], strict=True))


def test_czmodel_reads_the_package(tmp_path):
    convert = pytest.importorskip("czmodel.core.util._extract_model", reason="needs czmodel")
    model = small(task="objects", pixel_size=(0.5, 0.25))
    finish(export(model, tmp_path / "small.czann", NOBODY))
    told, graph = convert.extract_czann_model(str(tmp_path / "small.czann"), tmp_path)
    assert told.classes == ["background", "boundary", "interior"]
    assert told.scaling == (0.25e-6, 0.5e-6)
    assert told.model_name == "small"
    assert graph.stat().st_size > 0


def test_what_is_measured_by_tile_is_told(tmp_path):
    steps = list(export(small(), tmp_path / "small.czann", NOBODY))
    (note,) = [step.text for step in steps if isinstance(step, Notice)]
    assert "brightness is measured in each tile" in note


@pytest.mark.parametrize("bilinear", [False, True])
def test_weights_of_pytorch_unet_are_written_as_they_were_read(bilinear, tmp_path):
    state = PytorchUNet(classes=2, base=4, bilinear=bilinear).state()
    torch.save(state, tmp_path / "theirs.pth")
    model = load_foreign(tmp_path / "theirs.pth")
    *_, note = export(model, tmp_path / "ours.pth", NOBODY)
    again = torch.load(tmp_path / "ours.pth", weights_only=True)
    assert again.keys() == state.keys()
    for key, tensor in again.items():
        assert torch.equal(tensor, state[key]) or key.endswith("num_batches_tracked"), key
    assert "weights only" in note.text
    assert "divided by 255" in note.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ndim": 3}, "it takes volumes"),
        ({"norm": "instance"}, "its norms are 'instance'"),
        ({"convolutions": 3}, "other numbers of channels or convolutions"),
        ({"upsampling": "linear"}, "its upsampling is 'linear'"),
        ({"relu": "last"}, "not every convolution has a ReLU"),
    ],
)
def test_other_architectures_are_refused_for_pytorch_unet(options, said, tmp_path):
    model = model_of(UNetConfig.classic(base=2, depth=1, **options), activation="sigmoid")
    with pytest.raises(UserError, match=said):
        finish(export(model, tmp_path / "small.pth", NOBODY))
    assert not list(tmp_path.iterdir())
