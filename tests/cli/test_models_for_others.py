"""Networks of the library written for other programs, and what is stated of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_unet.core.model.file import load_model


def test_a_network_is_exported_as_onnx(run, model, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    assert run("models", "add", model, "--name", "mine", "--diameter", 14).exit_code == 0
    out = tmp_path / "mine.onnx"
    result = run("models", "export", "mine", out)
    assert result.exit_code == 0, result.output
    assert result.output.strip().endswith("mine.onnx")
    session = runtime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    x = torch.rand(1, 1, 16, 24)
    (found,) = session.run(None, {"image": x.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, load_model(model).network(x).numpy(), atol=1e-5)
    told = json.loads(session.get_modelmeta().custom_metadata_map["u_net_studio"])
    assert told["activation"] == "sigmoid"
    again = run("models", "export", "mine", out)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert run("models", "export", "mine", out, "--overwrite").exit_code == 0


def test_a_package_without_an_author_or_of_layers_is_refused(run, model, tmp_path):
    result = run("models", "export", model, tmp_path / "a.zip")
    assert result.exit_code == 1
    assert "--author" in result.stderr
    assert not (tmp_path / "a.zip").exists()


def test_the_diameter_of_a_network_is_stated(run, model):
    run("models", "add", model, "--name", "mine", "--diameter", 14)
    result = run("models", "diameter", "mine", 21.5)
    assert result.output.strip() == "mine: 21.5 pixels."
    assert "21.5" in run("models", "show", "mine").output
    assert run("models", "diameter", "mine", 0).output.strip() == "mine: diameter not known."
    refused = run("models", "diameter", "nuclei-fluorescence", 5)
    assert refused.exit_code == 1
    assert "Error:" in refused.stderr
