"""A broken, nested, endless or oversized file is one line in a list, never the end of a command."""

import io
import json
import os
import struct
import sys
import zipfile

import numpy as np
import pytest
import torch
from foreign_networks import PytorchUNet
from painted import blank
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.errors import UserError
from napari_unet.core.importers import load_foreign
from napari_unet.core.model.file import load_model, read_spec, save_model
from napari_unet.services.library import Library


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "m.safetensors"
    save_model(blank().build(), path)
    return path.read_bytes()


def changed(sound, path, change):
    """Write a model file with another description."""
    (size,) = struct.unpack("<Q", sound[:8])
    header = json.loads(sound[8 : 8 + size])
    meta = json.loads(header["__metadata__"]["napari_unet"])
    change(meta, header)
    header["__metadata__"]["napari_unet"] = json.dumps(meta)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + sound[8 + size :])
    return path


def tensor_of(header):
    return next(value for key, value in header.items() if key.endswith("conv.weight"))


@pytest.mark.parametrize(
    "change",
    [
        lambda meta, _: meta["spec"]["config"].update(in_channels=10**9, channels=()),
        lambda meta, _: meta["spec"]["config"].update(encoder=[[10**9], [10**9]]),
        lambda meta, _: meta["spec"]["config"].update(encoder=[[2]] * 10**4),
        lambda meta, _: meta["spec"].update(pixel_size=[0.0, 1.0]),
        lambda meta, _: meta["spec"].update(pixel_size=[-1.0, 1.0]),
        lambda meta, _: meta["spec"].update(pixel_size=[float("nan"), 1.0]),
        lambda _, header: tensor_of(header).update(dtype="I32"),
        lambda _, header: header.pop(next(k for k in header if k != "__metadata__")),
    ],
)
def test_a_description_that_can_not_be_is_refused_before_anything_is_built(sound, tmp_path, change):
    path = changed(sound, tmp_path / "m.safetensors", change)
    with pytest.raises(UserError, match="can't be read as a model file"):
        load_model(path)


def test_nested_descriptions_and_weights_that_are_no_numbers(sound, tmp_path):
    path = tmp_path / "m.safetensors"
    deep = json.dumps({"__metadata__": {"napari_unet": "[" * 10**5}}).encode()
    path.write_bytes(struct.pack("<Q", len(deep)) + deep)
    with pytest.raises(UserError):
        read_spec(path)
    model = blank().build()
    next(iter(model.network.parameters())).data[:] = float("nan")
    save_model(model, path)
    with pytest.raises(UserError, match="NaN"):
        load_model(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_a_pipe_in_the_library_is_one_line(sound, tmp_path, monkeypatch):
    folder = tmp_path / "napari" / "models"
    folder.mkdir(parents=True)
    (folder / "good.safetensors").write_bytes(sound)
    (folder / "cut.safetensors").write_bytes(sound[:50])
    os.mkfifo(folder / "pipe.safetensors")
    monkeypatch.setattr(
        "napari_unet.services.library.user_data_path", lambda *a, **k: folder.parent
    )
    specs = {entry.name: entry.spec for entry in Library().entries()}
    assert specs["good"] is not None
    assert specs["pipe"] is specs["cut"] is None
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0, result.output
    assert "pipe" in result.output
    for read in (load_model, read_spec, load_foreign):
        with pytest.raises(UserError, match="can't be read"):
            read(folder / "pipe.safetensors")


def test_a_zip_with_a_wrong_byte_and_one_with_endless_aliases(tmp_path):
    path = tmp_path / "p.zip"
    array = io.BytesIO()
    np.save(array, np.zeros((1, 1, 8, 8), np.float32))
    text = b"type: model\nformat_version: 0.4.9\nname: x\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rdf.yaml", text + b"# " + b"x" * 500)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        load_foreign(path)
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]" for i in range(12)]
    for more in ("\n".join(levels), "a: &a [*a]"):
        (tmp_path / "rdf.yaml").write_bytes(text + more.encode())
        with pytest.raises(UserError, match="aliases stand for"):
            load_foreign(tmp_path)


@pytest.mark.parametrize("odd", ["shared", "int", "complex", "float8", "nan"])
def test_weights_of_other_types_and_many_names_for_one_memory(tmp_path, odd):
    state = dict(PytorchUNet(depth=1, base=2).state())
    key = next(iter(state))
    one = torch.rand(5000)
    state |= {
        "shared": {f"x{i}": one for i in range(20_000)},
        "int": {key: state[key].to(torch.int32)},
        "complex": {key: state[key].to(torch.complex64)},
        "float8": {key: torch.rand(4).to(torch.float8_e4m3fn)},
        "nan": {key: state[key] * float("nan")},
    }[odd]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(UserError):
        load_foreign(tmp_path / "w.pth")


def test_half_precision_is_taken(tmp_path):
    state = {k: v.to(torch.bfloat16) for k, v in PytorchUNet(depth=1, base=2).state().items()}
    torch.save(state, tmp_path / "w.pth")
    assert load_foreign(tmp_path / "w.pth").spec.config.depth == 1
