"""ONNX files made by PyTorch (tools/onnx_networks.py), and one from a bioimage.io package."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import strong_network

from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers import load_foreign
from napari_unet.core.importers.onnx.recognise import recognise_onnx
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.model.spec import Model
from napari_unet.core.onnx.network import to_onnx
from napari_unet.core.tiling.plan import shortest_tile
from napari_unet.core.unet.config import UNetConfig

ARCHIVE = Path(__file__).with_name("onnx_networks.tar.xz")
with tarfile.open(ARCHIVE) as packed:
    NAMES = sorted(Path(name).stem for name in packed.getnames() if name.endswith(".npz"))
READ = [name for name in NAMES if name != "attention"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("onnx")
    with tarfile.open(ARCHIVE) as files:
        files.extractall(target, filter="data")
    return target


def probabilities(model: Model, image: np.ndarray, tile: int | None = None) -> np.ndarray:
    spatial = model.spec.config.spatial
    parts = frames(Image(image, f"C{spatial}"), spatial, range(len(image)))
    plain = Normalization(kind="linear")
    predictor = Predictor(model, Compute("cpu", "float32"), normalization=plain, tile=tile)
    found = np.empty((model.spec.config.out_channels, *image.shape[1:]), np.float32)
    for step in predictor.run(parts):
        if isinstance(step, Outputs):
            found[(slice(None), *step.write)] = step.values
    return found


@pytest.mark.parametrize("name", READ)
def test_outputs_are_those_of_pytorch(name: str, folder: Path, tmp_path: Path) -> None:
    arrays = np.load(folder / f"{name}.npz")
    expected = arrays["output"]
    assert np.ptp(expected) > 0.2, "there must be a signal"
    model = load_foreign(folder / f"{name}.onnx")
    if name == "elu_logits":
        expected = torch.from_numpy(expected).softmax(0).numpy()
    np.testing.assert_allclose(probabilities(model, arrays["image"]), expected, atol=1e-5)
    config = model.spec.config
    if config.tiles_exactly:
        tile = max(map(shortest_tile, config.total_stride, config.halo))
        tiled = probabilities(model, arrays["image"], tile)
        np.testing.assert_allclose(tiled, expected, atol=1e-5)
    save_model(model, tmp_path / "ours.safetensors")
    assert load_model(tmp_path / "ours.safetensors").spec == model.spec


@pytest.mark.parametrize("upsampling", ["transposed", "linear"])
def test_what_was_written_here_is_read_again(upsampling: str) -> None:
    network = strong_network(UNetConfig.classic(base=4, depth=2, upsampling=upsampling)).eval()
    found = recognise_onnx(to_onnx(network), "ours.onnx").candidates[0].network()
    x = torch.rand(1, 1, 24, 32)
    with torch.inference_mode():
        torch.testing.assert_close(found(x), network(x))


def test_a_package_with_an_onnx_file_alone(shared_data: Path, tmp_path: Path) -> None:
    package = shared_data / "networks" / "unet2d_nuclei_broad"
    for name in ("bioimageio.yaml", "test_input.npy", "test_output.npy", "weights.onnx"):
        shutil.copy(package / name, tmp_path)
    model = load_foreign(tmp_path)
    error = model.spec.provenance.verified_error
    assert error is not None
    assert error < 1e-5
    assert model.spec.activation == "sigmoid"
    # by itself, the file does not say how images are normalised
    alone = load_foreign(tmp_path / "weights.onnx")
    assert "does not say how images are normalised" in alone.spec.description


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        load_foreign(path)
    return str(error.value)


def test_what_no_layer_stands_for_is_named(folder: Path) -> None:
    assert "it multiplies features, as attention does" in refused(folder / "attention.onnx")


def test_weights_in_other_files_are_refused(folder: Path, tmp_path: Path) -> None:
    data = (folder / "elu_logits.onnx").read_bytes()
    # the name of a tensor becomes the field that says where its data lie
    at = data.index(b"\x42\x0bhead.weight")
    path = tmp_path / "outside.onnx"
    path.write_bytes(data[:at] + b"\x6a" + data[at + 1 :])
    assert "its weights lie in other files" in refused(path)


@given(st.data())
def test_a_damaged_file_is_told(data: st.DataObject) -> None:
    whole = to_onnx(strong_network(UNetConfig.classic(base=2, depth=1)))
    at = data.draw(st.integers(8, len(whole) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    for damaged in (whole[:at], whole[:at] + byte + whole[at + 1 :]):
        try:
            recognise_onnx(damaged, "damaged.onnx")
        except UserError:
            continue
