"""Checkpoints made by the packages themselves (tools/foreign_checkpoints.py --small)."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.importers import load_foreign
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.model.adapt import adapt_model
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.model.forward import training_forward
from napari_unet.core.model.spec import Model
from napari_unet.core.onnx.network import to_onnx
from napari_unet.core.tiling.plan import shortest_tile
from napari_unet.core.training.traced_memory import training_bytes_per_pixel
from napari_unet.core.unet.checkpointing_policy import KEEP_ALL

ARCHIVE = Path(__file__).with_name("foreign_checkpoints.tar.xz")
with tarfile.open(ARCHIVE) as archive:
    NAMES = sorted(Path(n).stem for n in archive.getnames() if n.endswith(".npz"))


def checkpoint(folder: Path, name: str) -> Path:
    files = [p for p in folder.iterdir() if p.stem == name and p.suffix != ".npz"]
    assert len(files) == 1
    return files[0]


def probabilities(model: Model, image: np.ndarray, tile: int | None = None) -> np.ndarray:
    config = model.spec.config
    parts = frames(Image(image, "C" + config.spatial), config.spatial, range(config.in_channels))
    found = np.empty((config.out_channels, *image.shape[1:]), np.float32)
    for step in Predictor(model, Compute("cpu", "float32"), tile=tile).run(parts):
        if isinstance(step, Outputs):
            found[(slice(None), *step.write)] = step.values
    return found


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_the_package(name: str, folder: Path, tmp_path: Path) -> None:
    arrays = np.load(folder / f"{name}.npz")
    model = load_foreign(checkpoint(folder, name))
    logits = torch.from_numpy(arrays["output"])
    softmax = model.spec.activation == "softmax"
    expected = (logits.softmax(0) if softmax else logits.sigmoid()).numpy()
    assert np.ptp(expected) > 0.2, "there must be a signal"
    np.testing.assert_allclose(probabilities(model, arrays["image"]), expected, atol=1e-5)
    if model.spec.config.tiles_exactly:
        config = model.spec.config
        tile = max(map(shortest_tile, config.total_stride, config.halo))
        tiled = probabilities(model, arrays["image"], tile)
        np.testing.assert_allclose(tiled, expected, atol=1e-5)
    save_model(model, tmp_path / "ours.safetensors")
    again = load_model(tmp_path / "ours.safetensors")
    assert again.spec == model.spec
    np.testing.assert_array_equal(
        probabilities(again, arrays["image"]), probabilities(model, arrays["image"])
    )


def test_what_nnunet_knows_of_its_images_is_kept(folder: Path) -> None:
    spec = load_foreign(folder / "nnunet_3d_ct").spec
    assert spec.classes == ("background", "cell", "nucleus")
    assert spec.channels == ("dye 0",)
    # nnU-Net's axes are in another order here, and its unit is the millimetre
    assert spec.pixel_size == pytest.approx((1.0, 4.0, 2.0))
    assert spec.normalization.kind == "linear"
    assert "Dataset001_Cells" in spec.description


def test_folds_of_nnunet_are_an_ensemble_or_single_networks(folder: Path) -> None:
    spec = load_foreign(folder / "nnunet_residual_3d_folds").spec
    assert "fold_0, fold_1" in spec.description
    single = load_foreign(folder / "nnunet_residual_3d_folds" / "fold_1").spec
    assert single.config.parameters * 2 == spec.config.parameters
    assert single.name == "fold_1"


def test_training_a_network_that_is_no_plain_unet(folder: Path) -> None:
    model = load_foreign(folder / "nnunet_2d_batch_small.pth")
    adapted = adapt_model(model, classes=("cell",))
    network = adapted.network.train()
    x = torch.rand(2, 1, 16, 16)
    optimizer = torch.optim.SGD(network.parameters(), 1.0)
    losses = []
    for _ in range(8):
        loss = binary_cross_entropy_with_logits(training_forward(network, x), (x > 0.5).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert training_bytes_per_pixel(adapted.spec.config, KEEP_ALL, 4) > 0


def test_checkpoints_met_in_the_wild(shared_data: Path) -> None:
    cases = shared_data.parent / "cases"
    plain = load_foreign(cases / "11_plain_that_loads.pth").network.state_dict()
    for name in ("11_numpy_scalar.pth", "12_lightning_pos_weight.ckpt"):
        state = load_foreign(cases / name).network.state_dict()
        assert state.keys() == plain.keys()
    assert load_foreign(cases / "13_torchem_batchnorm.pt").spec.config.tiles_exactly
    assert load_foreign(cases / "14_nnunet_network_weights.pth").spec.config.in_channels == 1


@pytest.mark.parametrize("name", ["monai_segresnet", "nnunet_3d_ct", "smp_small", "monai_unet"])
def test_written_as_onnx_they_compute_the_same(name: str, folder: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    network = load_foreign(checkpoint(folder, name)).network
    x = torch.rand(1, network.config.in_channels, *(2 * s for s in network.config.total_stride))
    session = runtime.InferenceSession(to_onnx(network), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": x.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(x).numpy(), atol=1e-4)


@pytest.mark.parametrize("unit", [True, False])
def test_extremes_of_each_image_become_0_and_1_or_are_refused(
    folder: Path, tmp_path: Path, unit: bool
) -> None:
    # pytorch-3dunet maps them to −1 and 1 unless it says otherwise
    source = folder / "pytorch3dunet_configured_small"
    (tmp_path / "best_checkpoint.pth").write_bytes((source / "best_checkpoint.pth").read_bytes())
    config = yaml.safe_load((source / "config.yaml").read_text())
    raw = [{"name": "Normalize", "norm01": unit}, {"name": "ToTensor"}]
    config["loaders"] = {"test": {"transformer": {"raw": raw}}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    if unit:
        normalization = load_foreign(tmp_path / "best_checkpoint.pth").spec.normalization
        assert (normalization.kind, normalization.low, normalization.high) == ("percentile", 0, 100)
        return
    with pytest.raises(UserError, match="can't be repeated"):
        load_foreign(tmp_path / "best_checkpoint.pth")
