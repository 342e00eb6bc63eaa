"""Exported networks: what others read from them, and what we read back."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch
import yaml
from networks import model_of

from napari_unet.core.errors import UserError
from napari_unet.core.exporters.credits import Credits
from napari_unet.core.exporters.package import plain_network
from napari_unet.core.importers import load_foreign
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.export import export

AUTHOR = Credits(authors=("A. Person",))
CONFIGS = [
    {"upsampling": "transposed", "norm": "batch"},
    {"upsampling": "linear", "norm": "group", "groups": 2, "projection": True},
    {"upsampling": "linear_aligned", "norm": "instance", "affine": False, "relu": "last"},
    {"upsampling": "transposed", "norm": "none", "ndim": 3, "strides": ((1, 2, 2),)},
]


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("options", CONFIGS, ids=lambda o: "-".join(map(str, o.values())))
def test_the_plain_module_and_torchscript_give_what_the_network_gives(options, tmp_path):
    config = UNetConfig.classic(**{"base": 2, "depth": 1, "out_channels": 2} | options)
    model = model_of(config, activation="softmax", name="small")
    finish(export(model, tmp_path / "small.zip", AUTHOR))
    x = torch.rand(1, 1, *([4, 12, 16] if config.ndim == 3 else [12, 16]))
    with torch.inference_mode(), zipfile.ZipFile(tmp_path / "small.zip") as archive:
        expected = model.network(x)
        assert torch.equal(plain_network(model)(x), expected)
        script = torch.jit.load(io.BytesIO(archive.read("weights-torchscript.pt")))
        assert (script(x) - expected).abs().max() < 1e-5


def test_a_package_is_read_back_as_the_model_it_was_made_from(tmp_path):
    config = UNetConfig.classic(base=2, depth=1, out_channels=3)
    model = model_of(config, task="objects", diameter=12.0, name="small")
    finish(export(model, tmp_path / "small.zip", AUTHOR))
    again = load_foreign(tmp_path / "small.zip")
    ignored = {"provenance"}
    assert again.spec.model_dump(exclude=ignored) == model.spec.model_dump(exclude=ignored)
    expected = model.network.state_dict()
    for key, tensor in again.network.state_dict().items():
        assert torch.equal(tensor, expected[key]), key
    with zipfile.ZipFile(tmp_path / "small.zip") as archive:
        described = yaml.safe_load(archive.read("rdf.yaml"))
        shape = np.load(io.BytesIO(archive.read("test-input.npy"))).shape
    assert set(described["weights"]) == {"pytorch_state_dict", "torchscript", "onnx"}
    space = described["inputs"][0]["axes"][2:]
    halo = [axis["halo"] for axis in described["outputs"][0]["axes"][2:]]
    assert all(a["size"]["min"] > 2 * h for a, h in zip(space, halo))
    assert shape[2:] == tuple(axis["size"]["min"] for axis in space)


def test_what_is_missing_is_asked_for_and_nothing_is_left(tmp_path):
    model = model_of(UNetConfig.classic(base=2, depth=1))
    with pytest.raises(UserError, match="--author"):
        finish(export(model, tmp_path / "a.zip", Credits()))
    with pytest.raises(UserError, match="suffix"):
        finish(export(model, tmp_path / "a.tar", AUTHOR))
    assert not list(tmp_path.iterdir())
