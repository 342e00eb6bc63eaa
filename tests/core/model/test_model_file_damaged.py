"""Model files whose parts contradict each other, and descriptions that can't be."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from networks import model_of
from pydantic import ValidationError
from safetensors import safe_open

from napari_unet.core.errors import UserError
from napari_unet.core.model.file import is_model_file, load_model, save_model
from napari_unet.core.model.spec import ModelSpec
from napari_unet.core.unet.config import UNetConfig

CONFIG = UNetConfig.classic(base=2, depth=1)


@pytest.fixture
def parts(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(model_of(CONFIG, activation="sigmoid"), path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["napari_unet"])
    return path, safetensors.torch.load_file(path), header


def refused(path, tensors, header):
    safetensors.torch.save_file(tensors, path, {"napari_unet": json.dumps(header)})
    with pytest.raises(UserError) as caught:
        load_model(path)
    return str(caught.value)


def test_weights_of_another_architecture(parts):
    path, tensors, header = parts
    fewer = dict(list(tensors.items())[1:])
    assert "do not fit the architecture" in refused(path, fewer, header)
    name = next(iter(tensors))
    wider = tensors | {name: torch.zeros(3)}
    assert f"{name} is F32 (3,)" in refused(path, wider, header)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header: [], "its header is not a JSON object"),
        (lambda header: header | {"version": 99}, "newer version"),
        (lambda header: header | {"spec": None}, "errors in the model description"),
        (lambda header: header | {"spec": {"config": 3}}, "errors in the model description"),
        (lambda header: header | {"sha256": "0"}, "do not match their checksum"),
    ],
)
def test_headers_that_say_something_else(parts, change, words):
    path, tensors, header = parts
    assert words in refused(path, tensors, change(header))


def test_whether_a_file_is_a_model_is_asked_without_reading_it(parts, tmp_path):
    assert is_model_file(parts[0])
    assert not is_model_file(tmp_path)
    (tmp_path / "other.safetensors").write_bytes(safetensors.torch.save({"a": torch.zeros(1)}))
    assert not is_model_file(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"channels": ("red", "green")}, "1 channel names are needed"),
        ({"classes": ("cell", "other")}, "1 class names are needed"),
        ({"pixel_size": (1.0,)}, "pixel_size needs 2 numbers or none"),
        ({"pixel_size": (1.0, np.inf)}, "numbers above 0"),
        ({"activation": "softmax"}, "two output channels or more"),
    ],
)
def test_descriptions_that_contradict_themselves(fields, words):
    with pytest.raises(ValidationError, match=words):
        ModelSpec(**{"name": "n", "config": CONFIG, "activation": "sigmoid"} | fields)


def test_widths_that_no_network_has():
    values = CONFIG.model_dump()
    with pytest.raises(ValidationError, match="every level needs a convolution or more"):
        UNetConfig(**values | {"encoder": ((0, 2), *values["encoder"][1:])})
