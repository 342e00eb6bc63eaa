"""Nothing of a training is lost: neither to another one, nor to a damaged file or a full disk."""

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from painted import blank, scribbled
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.errors import UserError
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.progress import Notice
from napari_unet.core.training.progress import TrainingStarted
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions

QUICK = FinetuneOptions(steps=4, minutes=None, patch=32, device="cpu", save_every=1e-6)


def steps(state, **how):
    return finetune([scribbled()], blank(), QUICK, state=state, **how)


def interrupted(state):
    """Leave the state of a training that was cancelled after two steps."""
    job = steps(state)
    while next(job).done < 2:
        pass
    job.close()
    assert state.exists()


def started(job):
    for step in job:
        if isinstance(step, TrainingStarted):
            job.close()
            return step
    raise AssertionError


def test_two_trainings_do_not_share_a_state(tmp_path):
    state = tmp_path / "a.training"
    first = steps(state)
    next(first)
    with pytest.raises(UserError, match="Another training is keeping its state"):
        next(steps(state))
    next(steps(tmp_path / "b.training"))
    first.close()
    job = steps(state)
    next(job)
    job.close()
    assert not list(tmp_path.glob(".a*"))


def test_computers_that_share_a_folder_do_not_share_a_state(tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    first = steps(shared / "a.training")
    next(first)
    # another computer has another folder for what is temporary
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserError, match="Another training is keeping its state"):
        next(steps(shared / "a.training"))
    first.close()
    assert not list(shared.iterdir())
    # what a killed program leaves is no lock
    (shared / ".a.training.lock").touch()
    again = steps(shared / "a.training")
    next(again)
    again.close()
    assert not list(shared.iterdir())


@pytest.mark.parametrize("where", [0.5, 0.99])
def test_a_damaged_state_is_told_and_not_learnt(tmp_path, where):
    state = tmp_path / "a.training"
    interrupted(state)
    assert started(steps(state)).done == 2
    content = bytearray(state.read_bytes())
    content[int(len(content) * where)] ^= 0x40
    state.write_bytes(content)
    begun = started(steps(state))
    assert begun.done == 0
    assert "does not match its digest" in begun.damage
    state.write_bytes(content[: len(content) // 2])
    assert "damaged" in started(steps(state)).damage
    assert not started(steps(state, resume=False)).damage


def test_a_state_that_can_not_be_saved_is_told_when_it_happens(tmp_path, monkeypatch):
    def full(*_):
        raise UserError("There is no room", value="full", rule="It needs some.", remedy="Free it.")

    monkeypatch.setattr("napari_unet.core.training.state.save_state", full)
    told = [step for step in steps(tmp_path / "a.training") if isinstance(step, Notice)]
    assert "could not be saved: There is no room" in told[0].text
    assert told[0].done < 4


def test_room_is_looked_for_before_the_first_step(tmp_path, monkeypatch):
    free = SimpleNamespace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(UserError, match="There is no room for the training: 0 MiB free"):
        list(steps(tmp_path / "a.training"))


def test_a_file_that_appears_during_a_training_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "napari_unet.services.library.user_data_path", lambda *a, **k: tmp_path / "data"
    )
    annotation = scribbled()
    tifffile.imwrite(tmp_path / "im.tif", annotation.image.data)
    tifffile.imwrite(tmp_path / "im_labels.tif", annotation.paint.astype(np.uint8))
    out = tmp_path / "new.safetensors"

    def meanwhile(model, path, *more):
        if not out.exists():
            out.write_bytes(b"mine")
        save_model(model, path, *more)

    monkeypatch.setattr("napari_unet.core.model.file.save_model", meanwhile)
    words = ["finetune", "--images", tmp_path / "im.tif", "--labels", tmp_path / "im_labels.tif"]
    words += ["--kind", "scribbles", "--base", 4, "--depth", 2, "--steps", 2, "--minutes", 0]
    words += ["--patch", 32, "-o", out]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == b"mine"
    assert load_model(tmp_path / "new-2.safetensors").spec.name == "new"
    assert "new-2.safetensors" in result.output
