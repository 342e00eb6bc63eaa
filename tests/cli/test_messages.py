"""What commands say, in the words of the command line, and what becomes of what can't be written."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import tifffile
from networks import model_of

from napari_unet.cli import driving
from napari_unet.cli.model_card import model_card
from napari_unet.cli.training import new_model
from napari_unet.cli.training.report import announced
from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import Provenance
from napari_unet.core.progress import Progress, finish
from napari_unet.core.training.progress import TrainingStarted
from napari_unet.core.unet.config import UNetConfig

MODEL = model_of(UNetConfig.classic(base=2, depth=1), activation="sigmoid", name="net")


def test_arguments_are_named_as_they_are_typed():
    message = "Set `in_order=True`, `shape=False`, `tile=64`, `regions` or `model='a'`."
    typed = "Set --in-order, --no-shape, --tile 64, --region or --model 'a'."
    assert driving.as_typed(message) == typed


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_ctrl_c_pressed_twice_ends_a_step_at_once():
    def work():
        yield Progress(0, 2)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the step went on")

    with pytest.raises(KeyboardInterrupt):
        driving.run(work(), "Working")


def test_commands_run_in_other_threads_too():
    """Where no signal can be waited for."""

    def work():
        yield Progress(1, 1)
        return 5

    found = []
    thread = threading.Thread(target=lambda: found.append(driving.run(work(), "Working")))
    thread.start()
    thread.join()
    assert found == [5]


def test_what_names_leave_open_is_said(tmp_path, capsys):
    pixels = model_of(UNetConfig.classic(base=2, depth=1)).network.head.weight.detach().numpy()[0]
    for name in ("a.tif", "b.tif", "b_mask.tif"):
        tifffile.imwrite(tmp_path / name, pixels)
    driving.paired([str(tmp_path)], [str(tmp_path)], in_order=False)
    assert "a.tif" in capsys.readouterr().err


def scores(iou):
    return [{"name": n, "pixels": 9, "iou": iou, "dice": 0.9} for n in ("background", "cell")]


def test_a_card_says_how_a_network_was_trained():
    training = {
        "steps": 400,
        "images": ["a", "b"],
        "scores": {"before": scores(0.5), "after": scores(0.75)},
    }
    told = MODEL.spec.model_copy(
        update={
            "provenance": Provenance(training=training, verified_error=1e-6),
            "normalization": Normalization(kind="percentile", low=2, high=99),
            "pixel_size": (0.5, 0.5),
        }
    )
    card = model_card(told, note="for Eva")
    (line,) = (line for line in card.splitlines() if "training" in line)
    assert line.endswith("400 steps, 2 images, validation IoU 0.500 → 0.750")
    assert "percentile 2 to 99, measured over each frame" in card
    assert "gives its own test output to within 1.0e-06" in card
    assert "0.5 x 0.5 µm" in card
    one = MODEL.spec.model_copy(update={"provenance": Provenance(training={"images": ["a"]})})
    assert "? steps, 1 image" in model_card(one)


def started(**how):
    learnt = SimpleNamespace(inspection=SimpleNamespace(summary="2 images"), held="Held out: 1")
    return TrainingStarted(how.pop("done", 0), 9, training_set=learnt, plan="the plan", **how)


@pytest.mark.parametrize(
    ("step", "interrupted", "said"),
    [
        ({"done": 3}, True, "Continuing after step 3 of the interrupted training."),
        ({"done": 3, "annotations_changed": True}, True, "--no-resume trains from the start"),
        ({"damage": "The state is damaged."}, True, "The state is damaged."),
        ({}, True, "had other images, settings or another start"),
        ({}, False, "the plan"),
    ],
)
def test_what_will_be_learnt_is_said_before_the_first_step(step, interrupted, said, capsys):
    def training():
        yield Progress(0, 1)
        yield started(**step)
        return "result"

    assert finish(announced(training(), interrupted=interrupted)) == "result"
    told = capsys.readouterr().out
    assert told.startswith("2 images\nHeld out: 1\nthe plan\n")
    assert said in told
    assert ("interrupted training" in told) == (interrupted and "damage" not in step)


@pytest.fixture
def finished(monkeypatch, tmp_path):
    """A training whose result is only to be written."""
    monkeypatch.setattr(new_model, "report", lambda _: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def full(*_):
        raise UserError("No room", value="disk full", rule="It needs some.", remedy="Free some.")

    monkeypatch.setattr("napari_unet.services.library.Library.add", full)
    state = tmp_path / "a.training"
    state.touch()
    return SimpleNamespace(model=MODEL), tmp_path / "none" / "new.safetensors", state


def test_a_network_that_neither_its_folder_nor_the_library_takes_is_kept_elsewhere(finished):
    result, output, state = finished
    output.parent.write_text("a file, where a folder is needed")
    with pytest.raises(UserError, match="can't be written; the new model is in ") as error:
        new_model.finish(result, output, state, False)
    kept = output.parent.with_name("temporary") / "new.safetensors"
    assert str(kept) in error.value.remedy
    assert load_model(kept).spec.name == "net"
    assert state.exists()


def test_where_no_room_is_left_the_state_of_the_training_is(finished, monkeypatch):
    result, output, state = finished
    output.parent.write_text("a file, where a folder is needed")
    monkeypatch.setattr(Path, "home", lambda: output.parent)
    output.parent.with_name("temporary").rmdir()
    output.parent.with_name("temporary").touch()
    with pytest.raises(UserError, match="the new model is nowhere") as error:
        new_model.finish(result, output, state, False)
    assert "continues from the last saved state" in error.value.remedy
    assert state.exists()
