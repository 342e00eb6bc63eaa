from __future__ import annotations

import argparse
import collections
import datetime
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from examples import examples
from foreign_networks import PytorchUNet
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from napari_unet.core.errors import UserError
from napari_unet.core.importers import load_foreign

SMALL = PytorchUNet(depth=1, base=2).state()


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load_foreign(path)
    error = caught.value
    assert error.problem
    assert error.rule
    assert error.remedy
    return error


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 124274270\n"
HTML = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
FILES = {
    "empty": (b"", "empty file"),
    "text": ("Gewichte für das Netz\n".encode(), "text file"),
    "git-lfs": (LFS, "Git LFS"),
    "html": (HTML, "web page"),
    "json": (b'{"error": "not found"}', "text file"),
    "pickle": (pickle.dumps({"weights": [1, 2]}), "Python pickle"),
    "pickle-2": (pickle.dumps({"weights": [1, 2]}, protocol=2), "Python pickle"),
    "numpy": (b"\x93NUMPY\x01\x00v\x00", "NumPy"),
    "keras": (b"\x89HDF\r\n\x1a\n\x00\x00", "HDF5"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "an image"),
    "one byte": (b"\x80", "unknown kind"),
    "latin-1": ("Größe\n".encode("latin-1"), "unknown kind"),
}


@pytest.mark.parametrize(("content", "what"), FILES.values(), ids=FILES)
def test_other_files_say_what_they_are(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert what in str(refused(path))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Conv2d(1, 2, 3)).save(tmp_path / "weights.pt")
    error = refused(tmp_path / "weights.pt")
    assert "TorchScript" in str(error)
    assert "state_dict()" in error.remedy


class Trap:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("how", ["torch", "legacy", "pickle", "wrapped"])
def test_no_pickle_is_ever_run(how: str, tmp_path: Path) -> None:
    trap, path = Trap(tmp_path / "sprung"), tmp_path / "weights.pth"
    if how == "pickle":
        path.write_bytes(pickle.dumps(trap))
    else:
        saved = {"state_dict": SMALL, "config": trap} if how == "wrapped" else trap
        torch.save(saved, path, _use_new_zipfile_serialization=how != "legacy")
    error = refused(path)
    assert not trap.path.exists()
    assert "state_dict()" in error.remedy
    torch.load(path, weights_only=False) if how != "pickle" else pickle.loads(path.read_bytes())
    assert trap.path.exists(), "the trap must work, or the test shows nothing"


def test_whole_networks_are_read_without_their_classes(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())
    torch.save(network, tmp_path / "n.pth")
    assert "2 tensors, the first are 0.weight" in str(refused(tmp_path / "n.pth"))
    torch.save(network, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert "torch.nn.modules" in str(refused(tmp_path / "old.pth"))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_objects_beside_the_weights_do_not_matter(zipped: bool, tmp_path: Path) -> None:
    beside = {
        "path": Path("x"),
        "loss": np.float64(0.5),
        "hyper_parameters": argparse.Namespace(lr=0.1),
        "curves": collections.defaultdict(list, {"a": [1]}),
        "when": datetime.timedelta(1),
    }
    path = tmp_path / "p.ckpt"
    torch.save({"state_dict": SMALL, **beside}, path, _use_new_zipfile_serialization=zipped)
    model = load_foreign(path)
    for key, tensor in load_foreign(plain(tmp_path)).network.state_dict().items():
        assert torch.equal(tensor, model.network.state_dict()[key])


def plain(folder: Path) -> Path:
    torch.save(SMALL, folder / "plain.pth")
    return folder / "plain.pth"


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.0005, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99, 0.9999])
def test_truncated_weights(zipped: bool, share: float, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(SMALL, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "weights.pth" in refused(path).problem


def test_pickle_that_claims_to_hold_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(SMALL, path, _use_new_zipfile_serialization=False)
    vast = b"\x96" + (1 << 60).to_bytes(8, "little")
    path.write_bytes(path.read_bytes().replace(b"ccollections\nOrderedDict\n", vast, 1))
    assert "weights.pth" in refused(path).problem


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.99])
def test_truncated_safetensors(share: float, tmp_path: Path) -> None:
    whole = safetensors.torch.save(dict(SMALL))
    path = tmp_path / "weights.safetensors"
    path.write_bytes(whole[: int(share * len(whole))])
    assert "weights.safetensors" in refused(path).problem


# a damaged pickle can name another class of torch's for a tensor, at which torch wonders
@pytest.mark.filterwarnings("ignore:Defining your `__torch_function__`:UserWarning")
@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_never_do_anything_else(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    kind = data.draw(st.sampled_from(["zip", "legacy", "safetensors"]))
    if kind == "safetensors":
        whole = bytearray(safetensors.torch.save(dict(SMALL)))
    else:
        torch.save(SMALL, path, _use_new_zipfile_serialization=kind == "zip")
        whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try:
        model = load_foreign(path)
    except UserError:
        return
    assert all(torch.isfinite(p).all() for p in model.network.parameters())


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("bomb.pth", "weights/data.pkl"),
        ("bomb.pth", "zeros.bin"),
        ("bomb.zip", "weights/data.pkl"),
        ("bomb.zip", "bioimageio.yaml"),
    ],
)
def test_zip_bomb(name: str, entry: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(entry, "w") as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
        archive.writestr("weights/version", "3")
    assert (tmp_path / name).stat().st_size < 2 << 20
    assert "unpack to 314,572,801" in str(refused(tmp_path / name))


def test_zip_of_too_many_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for i in range(20_001):
            archive.writestr(str(i), b"")
    assert "20001 files" in str(refused(tmp_path / "many.zip"))


@pytest.mark.parametrize("name", ["../../outside.yaml", "/etc/outside.yaml"])
def test_zip_whose_names_lead_outside(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        archive.writestr("bioimageio.yaml", "type: model")
        archive.writestr(name, "type: model")
    assert name in str(refused(tmp_path / "package.zip"))


def test_zip_of_something_else(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    assert "without a bioimage.io description" in str(refused(tmp_path / "arrays.npz"))
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert "zip" in str(refused(tmp_path / "empty.zip"))


def test_tensor_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    vast = torch.zeros(1).expand(1 << 20, 1 << 20)
    torch.save({"outc.conv.weight": vast}, tmp_path / "weights.pth")
    assert "not stored in full" in str(refused(tmp_path / "weights.pth"))


def test_sparse_tensor(tmp_path: Path) -> None:
    torch.save({"outc.conv.weight": torch.eye(3).to_sparse()}, tmp_path / "weights.pth")
    refused(tmp_path / "weights.pth")


def test_wrapper_within_itself(tmp_path: Path) -> None:
    around: dict[str, object] = {}
    around["state_dict"] = around
    torch.save(around, tmp_path / "weights.pth")
    assert "contains no weights" in str(refused(tmp_path / "weights.pth"))


def test_folder_without_description(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    assert "bioimageio.yaml" in str(refused(tmp_path))


def test_no_such_file(tmp_path: Path) -> None:
    assert "can't be read" in str(refused(tmp_path / "nothing.pth"))


OTHERS = {
    "Cellpose": (
        "downsample.down.res_down_0.conv.conv_0.0.weight",
        "upsample.up.res_up_0.x.weight",
    ),
    "SAM": ("image_encoder.x.weight", "mask_decoder.x.weight", "prompt_encoder.x.weight"),
    "nnU-Net v1": (
        "conv_blocks_context.0.blocks.0.conv.weight",
        "conv_blocks_localization.0.0.blocks.0.conv.weight",
    ),
    "transformer": ("blocks.0.attn.qkv.weight",),
}


@pytest.mark.parametrize(("name", "keys"), OTHERS.items(), ids=OTHERS)
def test_known_networks_are_named_with_the_way_on(
    name: str, keys: tuple[str, ...], tmp_path: Path
) -> None:
    torch.save({key: torch.zeros(2, 2, 3, 3) for key in keys}, tmp_path / "n.pth")
    error = refused(tmp_path / "n.pth")
    assert name in error.problem
    assert "learn" in error.remedy


def test_keras_and_tensorflow_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "n.keras", "w") as archive:
        for entry in ("config.json", "metadata.json", "model.weights.h5"):
            archive.writestr(entry, "{}")
    assert "Keras" in str(refused(tmp_path / "n.keras"))
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"x")
    assert "TensorFlow" in str(refused(tmp_path / "saved"))
