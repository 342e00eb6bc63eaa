"""`napari-unet finetune`, as a user types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import tifffile
from painted import blank, numbered, scribbled
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.errors import UserError
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.training.state import read_status

SHORT = ("--steps", 6, "--minutes", 0, "--patch", 32, "--device", "cpu", "--precision", "float32")
SCRATCH = ("--base", 4, "--depth", 2)


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
def files(tmp_path):
    """Two images, their scribbles, and numbered objects, each in a folder."""
    for i in range(2):
        annotation = scribbled(seed=i)
        for folder, pixels in (
            ("images", annotation.image.data),
            ("scribbles", annotation.paint),
            ("objects", numbered(seed=i).paint.astype(np.uint16)),
        ):
            (tmp_path / folder).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / folder / f"im{i}.tif", pixels)
    save_model(blank().build(), tmp_path / "parent.safetensors")
    return tmp_path


def pair(files, kind="scribbles"):
    return ("--images", files / "images", "--labels", files / kind, "--kind", kind)


def test_a_new_network_from_scribbles_then_tuned(run, files):
    first, second = files / "first.safetensors", files / "second.safetensors"
    result = run("finetune", *pair(files), *SHORT, *SCRATCH, "-o", first)
    assert result.exit_code == 0, result.output
    assert "Held out: " in result.output
    assert "no parent" in result.output
    assert not first.with_suffix(".training").exists()
    result = run("finetune", *pair(files, "objects"), *SHORT, "--model", first, "-o", second)
    assert result.exit_code == 0, result.output
    assert "IoU before" in result.output
    assert load_model(second).spec.name == "second"
    assert load_model(second).spec.provenance.origin == "tuned from first"


def test_what_will_be_learnt_is_told_before_the_first_step(run, files, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_unet.core.training.trainer.Trainer._step", interrupted)
    out = ("-o", files / "new.safetensors")
    result = run("finetune", *pair(files), *SHORT, *SCRATCH, *out)
    assert result.exit_code == 130
    for words in (
        "2 planes, ",
        " strokes; pixels: background ",
        "Held out: ",
        " patches of 32 × 32",
    ):
        assert words in result.output


def test_a_new_network_sees_all_channels(run, files):
    for i in range(2):
        grey = tifffile.imread(files / "images" / f"im{i}.tif")
        colour = np.stack([grey, np.zeros_like(grey), 255 - grey], axis=-1)
        tifffile.imwrite(files / "images" / f"im{i}.tif", colour, photometric="rgb")
    out = files / "new.safetensors"
    result = run("finetune", *pair(files), *SHORT, *SCRATCH, "-o", out)
    assert result.exit_code == 0, result.output
    assert load_model(out).spec.config.in_channels == 3


def test_a_file_that_is_named_twice_is_learnt_once(run, files, monkeypatch):
    monkeypatch.chdir(files)
    again = ("--images", "images/im0.tif", "--labels", "scribbles/im0.tif")
    result = run(
        *("finetune", *pair(files), *again, *SHORT, *SCRATCH),
        *("-o", files / "new.safetensors"),
    )
    assert result.exit_code == 0, result.output
    assert "2 planes, " in result.output


def test_settings_of_every_kind(run, files):
    out = files / "new.safetensors"
    result = run(
        *("finetune", *pair(files), *SHORT, *SCRATCH, "-o", out, "--strength", 0.5),
        *(
            "--option",
            "patience=3",
            "--option",
            "augment.elastic=2.5",
            "--use-checkpointing",
            "all",
        ),
    )
    assert result.exit_code == 0, result.output
    used = load_model(out).spec.provenance.training["options"]
    assert used["patience"] == 3
    assert used["augment"]["elastic"] == 2.5
    assert used["augment"]["strength"] == 0.5
    assert used["use_checkpointing"] == "all"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--option", "nonsense=1"), "The setting 'nonsense' can't be used"),
        (("--option", "augment.elastic=-1"), "--augment-elastic can't be used"),
        (("--augment-elastic", "-1"), "--augment-elastic can't be used"),
        (("--memory", "0"), "--memory can't be used"),
        (("--option", "augment=1"), "such as augment.elastic"),
        (("--region", "q=3"), "A region can't be understood"),
        (("--region", "y=500:600"), "outside"),
        (("--classes", "a,b,c"), "No b painted yet"),
        (("--channel", "3"), "has no channel 3"),
        (("--axes", "ZYX"), "axes do not fit"),
        (("-o", "new.pth"), "can't be written to new.pth"),
    ],
)
def test_mistakes_are_explained(run, files, arguments, message):
    out = ("-o", files / "new.safetensors")
    result = run("finetune", *pair(files), *SHORT, *SCRATCH, *out, *arguments)
    if message.startswith("No "):
        assert message in result.output
        return
    assert result.exit_code == 1, result.output
    assert message in result.output
    assert not (files / "new.safetensors").exists()


def test_labels_of_half_the_size_are_resampled_if_asked(run, files):
    halves = files / "halves"
    halves.mkdir()
    for path in (files / "scribbles").iterdir():
        tifffile.imwrite(halves / path.name, tifffile.imread(path)[::2, ::2])
    words = ("finetune", "--images", files / "images", "--labels", halves, "--kind", "scribbles")
    words += (*SCRATCH, *SHORT, "-o", files / "new.safetensors")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "--resample" in refused.output
    assert not (files / "new.safetensors").exists()
    assert run(*words, "--resample").exit_code == 0
    assert load_model(files / "new.safetensors")
    scores = run(
        *("evaluate", "--images", files / "images", "--labels", halves, "--kind", "scribbles"),
        *("--model", files / "new.safetensors", "--resample"),
    )
    assert scores.exit_code == 0, scores.output


def test_labels_that_state_another_pixel_size_are_taken_if_asked(run, files):
    for folder, width in (("images", 0.5), ("scribbles", 1.0)):
        for path in (files / folder).iterdir():
            pixels = tifffile.imread(path)
            resolution = (1 / width, 1 / width)
            tifffile.imwrite(
                path, pixels, imagej=True, resolution=resolution, metadata={"unit": "um"}
            )
    words = ("finetune", *pair(files), *SCRATCH, *SHORT, "-o", files / "new.safetensors")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "2 times as large along Y" in refused.output
    assert "--resample" in refused.output
    assert run(*words, "--resample").exit_code == 0


def test_nothing_is_overwritten_and_files_must_pair(run, files):
    out = files / "parent.safetensors"
    before = out.read_bytes()
    result = run("finetune", *pair(files), *SHORT, *SCRATCH, "-o", out)
    assert result.exit_code == 1
    assert "already exists" in result.output
    assert out.read_bytes() == before
    one = ("--labels", files / "scribbles" / "im0.tif", "--kind", "scribbles")
    new = files / "new.safetensors"
    result = run("finetune", "--images", files / "images", *one, *SHORT, *SCRATCH, "-o", new)
    assert "don't pair up" in result.output


def test_what_can_not_be_written_is_said_before_the_training(run, files, monkeypatch):
    monkeypatch.setattr("napari_unet.services.training.finetune.finetune", None)
    folder = files / "folder.safetensors"
    folder.mkdir()
    for out in (files / "images" / "im0.tif" / "new.safetensors", folder):
        words = ("-o", out, "--overwrite")
        result = run("finetune", *pair(files), *SHORT, *SCRATCH, *words)
        assert result.exit_code == 1
        assert "can't be written" in result.output


def test_a_network_that_can_not_be_written_at_the_end_is_kept_in_the_library(
    run, files, monkeypatch
):
    def refuses(*_):
        raise UserError(
            "It can't be written", value="gone", rule="It must be there.", remedy="Mount."
        )

    monkeypatch.setattr("napari_unet.core.model.file.save_model", refuses)
    out = files / "new.safetensors"
    result = run("finetune", *pair(files), *SHORT, *SCRATCH, "-o", out)
    assert result.exit_code == 1
    assert "in the library as 'new'" in result.output
    assert "on held-out annotations" in result.output
    assert not out.exists()
    assert load_model(files / "data" / "models" / "new.safetensors").spec.name == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
def test_a_training_cancelled_early_is_kept_and_not_taken_for_another(run, files):
    out = files / "new.safetensors"
    words = (*pair(files), *SCRATCH, "--steps", 100_000, "--minutes", 0, "--patch", 32, "-o", out)
    # on a quick machine it would come to an end by itself
    words = (*words, "--option", "patience=100000")
    command = [sys.executable, "-m", "napari_unet", "finetune", *map(str, words)]
    # as it is where nobody has set otherwise
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=plain, **pipes) as process:
        try:
            # told before the first step
            while "patches of" not in process.stdout.readline():
                assert process.poll() is None, process.stderr.read()
            # some steps, however busy the machine is, and far less than the time between two saves
            worked = psutil.Process(process.pid)
            began = worked.cpu_times().user
            while worked.cpu_times().user < began + 1.5:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert "Cancelled" in process.stderr.read()
        finally:
            # it would go on for hours
            process.kill()
    step = read_status(out.with_suffix(".training")).step
    assert step > 0
    again = run("finetune", *pair(files), *SCRATCH, *SHORT, "-o", out)
    assert "training from the start" in again.output, again.output


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_training_goes_on_where_it_was(files):
    out = files / "new.safetensors"
    command = [sys.executable, "-m", "napari_unet", "finetune", *pair(files), *SCRATCH, "-o", out]
    command += ["--steps", 400, "--minutes", 0, "--patch", 32, "--option", "save_every=0.2"]
    command = [str(word) for word in command]
    state = out.with_suffix(".training")
    steps = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                status = read_status(state)
                if status is not None and status.step > (steps[-1] if steps else 0):
                    break
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        steps.append(read_status(state).step)
    assert 0 < steps[0] < steps[1]
    assert not out.exists()
    # hidden temporary files are all that may be left
    assert {p.suffix for p in files.iterdir() if p.is_file()} <= {
        ".safetensors",
        ".training",
        ".lock",
        ".part",
    }
