from __future__ import annotations

import pytest
import tifffile
from networks import model_of, random_image
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.model.file import save_model
from napari_unet.core.unet.config import UNetConfig


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(
        "napari_unet.services.library.user_data_path", lambda *a, **k: tmp_path / "data"
    )

    def call(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return call


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(model_of(UNetConfig.classic(base=2, depth=2), activation="sigmoid"), path)
    return path


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(3):
        pixels = random_image((2, 40 + i, 30), i)
        metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
        resolution = (4, 4)
        tifffile.imwrite(
            folder / f"im{i}.tif", pixels, imagej=True, metadata=metadata, resolution=resolution
        )
    return folder
