"""The command line, as a user types it."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import yaml
from networks import random_image
from typer.main import get_command

from napari_unet.cli import app
from napari_unet.cli.driving import as_typed
from napari_unet.cli.model_card import model_card
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import ModelSpec, Provenance
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.files.images import open_image
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.system.finding import Finding
from napari_unet.services.training.options import FinetuneOptions


def test_one_image_to_a_file(run, model, images, tmp_path):
    out, maps = tmp_path / "out" / "labels.tif", tmp_path / "out" / "maps.tif"
    result = run(
        *("segment", images / "im0.tif", "-o", out, "--model", model, "--precision", "float32"),
        *("--probabilities", maps, "--threshold", "0.6", "--tile", "auto"),
    )
    assert result.exit_code == 0, result.output
    source, labels = open_image(images / "im0.tif"), open_image(out)
    assert labels.axes == "ZYX"
    assert labels.scale == pytest.approx(source.scale)
    assert labels.unit == source.unit
    chosen = SegmentOptions(precision="float32", threshold=0.6, probabilities=True)
    expected = finish(segment(source, load_model(model), chosen))
    assert (np.asarray(labels.data[:]) == expected.labels).all()
    found = np.squeeze(open_image(maps).data[:])
    assert found == pytest.approx(expected.probabilities[0], abs=1e-6)


def test_folders_and_patterns_keep_the_stems(run, model, images, tmp_path):
    for given, n in ((images, 3), (images / "im[01].tif", 2)):
        out = tmp_path / f"out{n}"
        result = run("segment", given, "-o", out, "--model", model)
        assert result.exit_code == 0, result.output
        assert sorted(p.name for p in out.iterdir()) == [f"im{i}.tif" for i in range(n)]


def test_a_failing_file_does_not_stop_the_rest(run, model, images, tmp_path):
    (images / "im1.tif").write_bytes(b"II*\0 nothing of use")
    out = tmp_path / "out"
    result = run("segment", images, "-o", out, "--model", model)
    assert result.exit_code == 1
    assert "im1.tif" in result.stderr
    assert "2 of 3 images segmented, 1 failed." in result.stderr
    assert sorted(p.name for p in out.iterdir()) == ["im0.tif", "im2.tif"]


def test_nothing_is_overwritten_unless_asked_for(run, model, images, tmp_path):
    out = tmp_path / "labels.tif"
    out.write_bytes(b"precious")
    command = ("segment", images / "im0.tif", "-o", out, "--model", model)
    result = run(*command)
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr
    assert out.read_bytes() == b"precious"
    assert run(*command, "--overwrite").exit_code == 0
    assert open_image(out).axes == "ZYX"


def test_an_output_is_never_an_input(run, model, images):
    before = (images / "im0.tif").read_bytes()
    result = run("segment", images, "-o", images, "--model", model, "--overwrite")
    assert result.exit_code == 1
    assert (images / "im0.tif").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "none-such"), "No model named 'none-such'"),
        (("--model", "none-such.pth"), "none-such.pth"),
        (("--tile", "big"), "--tile can't be used"),
        (("--axes", "QYX"), None),
        (("--axes", "YX"), "axes do not fit"),
        (("--channel", "3"), "no channel 3"),
        (("--device", "cuda"), "not available"),
        (("--normalization", "zscore"), None),
    ],
)
def test_wrong_options_are_explained(run, model, images, tmp_path, arguments, message):
    if message is not None and "cuda" in arguments and _has_cuda():
        pytest.skip("this machine has the device that the test takes away")
    out = tmp_path / "labels.tif"
    command = ["segment", images / "im0.tif", "-o", out, "--model", model, *arguments]
    result = run(*command)
    if message is None:
        assert result.exit_code == 0, result.output
        return
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not out.exists()


def _has_cuda():
    import torch

    return torch.cuda.is_available()


def test_the_first_column_of_models_is_what_model_takes(run, model, images, tmp_path):
    assert run("models", "add", model, "--name", "cells").exit_code == 0
    listing = run("models").output.splitlines()
    row = next(line for line in listing if line.startswith("cells"))
    assert "YX" in row
    name = row.split()[0]
    result = run("segment", images / "im0.tif", "-o", tmp_path / "l.tif", "--model", name)
    assert result.exit_code == 0, result.output
    assert run("models", "verify", name).exit_code == 0
    card = run("models", "show", name).output
    assert "normalization" in card
    assert len(card.splitlines()) <= 30
    assert yaml.safe_load(run("models", "show", name, "--full").output)["name"] == name
    assert run("models", "note", name, "for Eva").exit_code == 0
    assert "for Eva" in run("models", "show", name).output
    assert run("models", "rename", name, "renamed").exit_code == 0
    assert run("models", "show", name).exit_code == 1
    assert "for Eva" in run("models", "show", "renamed").output
    assert run("models", "rename", "nuclei-3d", "other").exit_code == 1
    assert run("models", "rename", "renamed", "nuclei-3d").exit_code == 1
    name = "renamed"
    assert run("models", "delete", name).exit_code == 0
    assert run("models", "verify", name).exit_code == 1


@pytest.mark.parametrize("verbose", [False, True])
def test_the_card_of_a_model_stays_short(verbose):
    many = tuple(f"a channel with a long name, number {i}" for i in range(40))
    words = " ".join(["word"] * 400) if verbose else ""
    spec = ModelSpec(
        name="crowded",
        description=words,
        config=UNetConfig.classic(in_channels=40, out_channels=40),
        channels=many,
        classes=many,
        authors=many if verbose else (),
        citation=many if verbose else (),
        normalization=Normalization(kind="linear", gain=(0.5,) * 40, offset=(1.0,) * 40),
        provenance=Provenance(origin=words, format=words, verified_error=1e-6),
    )
    lines = model_card(spec).splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100


def test_errors_of_python_arguments_name_options():
    assert as_typed("Pass `overwrite=True`.") == "Pass --overwrite."
    assert as_typed("Leave `regions` out, or give `kind='objects'`.") == (
        "Leave --region out, or give --kind 'objects'."
    )


@pytest.mark.parametrize("command", ["segment", "finetune", "evaluate", "relabel", "compare"])
def test_help_is_legible_in_100_columns(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "100")
    shown = run(command, "--help").output
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 100
    for parameter in get_command(app).commands[command].params:
        names = [name for name in (*parameter.opts, *parameter.secondary_opts) if "--" in name]
        assert all(f"{name} " in shown for name in names)
    # an option leaves half of the line for what it does
    rows = [re.match(r"│ [ *]?\s*--\S+(\s+(--?\S+|[A-Z<]+[A-Z>]))*", line) for line in lines]
    assert max(row.end() for row in rows if row) <= 55


def test_every_field_of_the_options_can_be_set(run):
    """A field that is added to a model is an option of the command line at once."""
    for command, model, elsewhere in (
        ("segment", SegmentOptions, {"channels"}),
        ("finetune", FinetuneOptions, {"channels", "pace", "name", "augment", "average"}),
    ):
        known = {name for p in get_command(app).commands[command].params for name in p.opts}
        wanted = {f"--{name.replace('_', '-')}" for name in set(model.model_fields) - elsewhere}
        assert wanted <= known


def test_the_demo_leaves_labels_and_a_picture(run, tmp_path):
    result = run("demo", "--headless", "-o", tmp_path / "demo")
    assert result.exit_code == 0, result.output
    labels = open_image(tmp_path / "demo" / "sample-labels.tif")
    share = float((np.asarray(labels.data[:]) > 0).mean())
    assert 0.02 < share < 0.6
    picture = (tmp_path / "demo" / "sample-labels.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_the_command_is_installed_and_starts_without_torch():
    code = "import sys; from napari_unet.cli import app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    version = subprocess.run(
        [sys.executable, "-c", "from napari_unet.cli import main; main()", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert version.stdout.startswith("napari-unet-studio")


def test_the_overlay_shows_what_was_found():
    from napari_unet.services.files.picture import contact_sheet

    labels = np.zeros((3, 20, 30), np.uint8)
    labels[:, 5:10, 5:10] = 1
    sheet = contact_sheet(Image(random_image((3, 20, 30)), "TYX"), labels)
    assert sheet.shape == (40, 3 * 30 + 2 * 4, 3)
    grey = np.ptp(sheet.astype(int), axis=-1) == 0
    assert grey[:20].all()
    assert not grey[25:30, 5:10].any()


def test_a_batch_goes_on_where_it_was(run, model, images, tmp_path):
    out = tmp_path / "out"
    command = ("segment", images, "-o", out, "--model", model)
    assert (
        run("segment", images / "im1.tif", "-o", out / "im1.tif", "--model", model).exit_code == 0
    )
    before = (out / "im1.tif").read_bytes()
    result = run(*command, "--skip-existing")
    assert result.exit_code == 0
    assert "2 of 3 images segmented, 1 already had a result." in result.stderr
    assert (out / "im1.tif").read_bytes() == before
    assert len(list(out.iterdir())) == 3
    both = run(*command, "--skip-existing", "--overwrite")
    assert both.exit_code == 1
    assert "both replaced and skipped" in both.stderr


@pytest.mark.parametrize("broken", [False, True])
def test_the_doctor_says_what_to_install_and_fails_if_nothing_works(run, monkeypatch, broken):
    found = [
        Finding("Python", True, "3.11"),
        Finding("napari", None, "not installed", "pip install napari"),
        *([Finding("PyTorch", False, "too old", "pip install torch")] if broken else []),
    ]
    monkeypatch.setattr("napari_unet.services.system.doctor.examine", lambda: found)
    result = run("doctor")
    assert result.exit_code == broken
    assert "ok    Python: 3.11" in result.output
    assert "note  napari: not installed\n      -> pip install napari" in result.output
    assert ("FAIL  PyTorch" in result.output) == broken


def test_with_a_screen_the_demo_opens_the_viewer_in_a_process_of_its_own(run, monkeypatch):
    started = []
    monkeypatch.setattr("napari_unet.services.system.viewer.can_open_viewer", lambda: True)
    monkeypatch.setattr(
        "napari_unet.cli.subprocess.run",
        lambda command, **_: started.append(command) or subprocess.CompletedProcess(command, 3),
    )
    assert run("demo").exit_code == 3
    assert started[0][1:] == ["-m", "napari_unet.gui.studio.demo"]


def test_the_version_is_shown(run):
    assert run("--version").output.startswith("napari-unet-studio ")


def test_models_are_suggested_for_an_image(run, tmp_path):
    pixels = np.random.default_rng(0).normal(4, 2, (60, 60))
    pixels[20:30, 20:30] = 250
    tifffile.imwrite(tmp_path / "spots.tif", pixels.clip(0, 255).astype(np.uint8))
    listing = run("models", "suggest", tmp_path / "spots.tif").output
    assert "fluorescence" in listing.splitlines()[0]
    rows = [line.split()[0] for line in listing.splitlines()[3:]]
    assert rows[0] == "nuclei-fluorescence"
    assert "it needs a volume" in next(x for x in listing.splitlines() if x.startswith("nuclei-3d"))
