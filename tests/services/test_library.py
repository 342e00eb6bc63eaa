"""Model files and the library."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from networks import model_of
from safetensors import SafetensorError

from napari_unet.core.errors import UserError
from napari_unet.core.model.file import load_model, read_hash, read_spec, save_model, weights_hash
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.library import DEFAULT, Library
from napari_unet.services.model_packages import installed_packages


@pytest.fixture
def model():
    return model_of(
        UNetConfig.classic(base=2, depth=2, ndim=3), name="mine", pixel_size=(1, 0.5, 0.5)
    )


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "models")


def test_a_saved_model_comes_back_whole(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(model, path)
    loaded = load_model(path)
    assert loaded.spec == model.spec == read_spec(path)
    assert weights_hash(loaded.network.state_dict()) == weights_hash(model.network.state_dict())
    assert not loaded.network.training
    again = tmp_path / "again.safetensors"
    save_model(loaded, again)
    assert again.read_bytes() == path.read_bytes()


def test_a_model_saved_in_16_bits_is_half_as_large_and_computes_alike(tmp_path):
    model = model_of(UNetConfig.classic(base=8, depth=2), name="mine")
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_model(model, whole)
    save_model(model, half, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    loaded = load_model(half)
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        difference = loaded.network(image) - model.network(image)
    assert difference.abs().max() < 0.01 * model.network(image).abs().max()
    assert read_hash(half) == weights_hash(loaded.network.state_dict())


def test_a_saved_model_can_be_read_by_whoever_may_read_new_files(model, tmp_path):
    path, plain = tmp_path / "m.safetensors", tmp_path / "plain"
    save_model(model, path)
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("length", [0, 1, 8, 100, 2000, -1])
def test_a_truncated_file_is_refused(model, tmp_path, length):
    path = tmp_path / "m.safetensors"
    save_model(model, path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"m\.safetensors"):
        load_model(path)


def test_changed_weights_are_noticed(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(model, path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="checksum"):
        load_model(path)


def test_a_newer_or_foreign_file_says_so(model, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "m.safetensors"
    save_file({"w": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="not a model file of U-Net Studio"):
        read_spec(path)
    header = {"version": 99, "spec": model.spec.model_dump(mode="json")}
    save_file({"w": torch.zeros(1)}, path, {"napari_unet": json.dumps(header)})
    with pytest.raises(UserError, match="newer"):
        read_spec(path)


def test_a_model_that_cannot_be_written_leaves_nothing(model, tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(UserError, match="space"):
        save_model(model, tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_library_adds_lists_loads_verifies_and_deletes(model, library):
    entry = library.add(model)
    assert entry.name == "mine"
    assert library.add(model).name == "mine-2"
    assert {"mine", "mine-2", DEFAULT} <= {e.name for e in library.entries()}
    library.verify("mine")
    assert finish(library.load("mine")).spec.name == "mine"
    assert finish(library.load(str(entry.path))).spec == entry.spec
    library.delete("mine-2")
    assert "mine-2" not in {e.name for e in library.entries()}
    with pytest.raises(UserError, match="came with the package"):
        library.delete(DEFAULT)
    with pytest.raises(UserError, match="No model named 'other'"):
        finish(library.load("other"))


def test_a_broken_file_does_not_hide_the_others(model, library):
    library.add(model)
    (library.folder / "broken.safetensors").write_bytes(b"nonsense")
    found = {e.name: e.spec for e in library.entries()}
    assert found["broken"] is None
    assert found["mine"] is not None


def test_names_become_file_names(model, library):
    odd = replace(model, spec=model.spec.model_copy(update={"name": "../a b/ü?*"}))
    entry = library.add(odd)
    assert entry.path.parent == library.folder
    library.verify(entry.name)


def test_listing_needs_no_torch():
    code = (
        "import sys; from napari_unet.services.library import Library; "
        "assert Library().entries(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def package(model, tmp_path, monkeypatch):
    """An installed package with a model, whose code must not run."""
    (tmp_path / "lab_models").mkdir()
    (tmp_path / "lab_models" / "__init__.py").write_text("raise RuntimeError('it ran')")
    save_model(model, tmp_path / "lab_models" / "organoids.safetensors")
    facts = tmp_path / "lab_models-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: lab-models\nVersion: 1.0\nLicense-Expression: CC-BY-4.0\n"
    )
    lines = "[napari_unet.models]\nlab = lab_models\ngone = not_there\n"
    (facts / "entry_points.txt").write_text(lines)
    monkeypatch.syspath_prepend(str(tmp_path))
    installed_packages.cache_clear()
    yield tmp_path
    installed_packages.cache_clear()


def test_models_of_a_laboratory_s_package_are_listed_and_stay_as_they_are(package, library):
    entry = library.entry("organoids")
    assert entry.bundled
    assert (entry.package.name, entry.package.licence) == ("lab-models", "CC-BY-4.0")
    assert finish(library.load("organoids")).spec.name == "organoids"
    with pytest.raises(UserError, match="it came with lab-models"):
        library.delete("organoids")
    assert library.entries()[-1].name == "organoids"


def test_the_command_line_names_the_package_and_its_licence(package):
    from typer.testing import CliRunner

    from napari_unet.cli import app

    told = CliRunner().invoke(app, ["models"]).output
    assert "organoids" in told
    assert "lab-models (CC-BY-4.0)" in told


def test_what_the_system_does_not_delete_is_told(model, library, monkeypatch):
    library.add(model, "mine")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(UserError, match="'mine' can't be deleted") as error:
        library.delete("mine")
    assert "Delete " in error.value.remedy


def test_a_package_whose_folder_can_not_be_found_is_left_out(monkeypatch):
    points = [
        EntryPoint("a", "not_there_at_all", "napari_unet.models"),
        EntryPoint("b", "__main__", "napari_unet.models"),
        EntryPoint("c", "json.decoder", "napari_unet.models"),
    ]
    monkeypatch.setattr("napari_unet.services.model_packages.entry_points", lambda **_: points)
    installed_packages.cache_clear()
    assert installed_packages() == ()
    installed_packages.cache_clear()
