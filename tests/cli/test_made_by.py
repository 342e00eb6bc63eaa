"""Every file says what made it, and the command it names makes the same file again."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
import tifffile
from networks import model_of
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.file import read_hash, save_model
from napari_unet.core.model.spec import Provenance
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.files.provenance import read_record
from napari_unet.services.files.save import save_labels

STACK = np.random.default_rng(8).integers(0, 60000, (3, 40, 50), np.uint16)
MODELS = {
    "2-D": ({"out_channels": 1}, {"activation": "sigmoid"}, ()),
    "3-D": ({"out_channels": 1, "ndim": 3}, {"activation": "sigmoid"}, ("--objects",)),
    "objects": ({"out_channels": 3}, {"task": "objects"}, ("--smallest", "3")),
    "classes": ({"out_channels": 3}, {}, ("--threshold", "0.4", "--voxel-size", "2,0.5,0.5")),
    "tuned": (
        {"out_channels": 1},
        {"activation": "sigmoid", "provenance": Provenance(training={"options": {}}, parent="0")},
        ("--axes", "TYX", "--mirror"),
    ),
}


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0, result.output
    return result


def again(file):
    """Run the command that a file names, and return what that wrote."""
    line = run("made-by", file).stdout.strip().splitlines()[-1]
    words = shlex.split(line)
    assert words[0] == "napari-unet"
    run(*words[1:])
    stem, _, rest = file.name.partition(".")
    return file.with_name(f"{stem}-again.{rest}")


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.tif"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_file_is_made_again_to_the_byte(tmp_path, kind, name):
    config, spec, options = MODELS[kind]
    model = tmp_path / "net.safetensors"
    settings = {"normalization": Normalization(), **spec}
    save_model(model_of(UNetConfig.classic(base=2, depth=1, **config), **settings), model)
    (tmp_path / "in put").mkdir()
    image = tmp_path / "in put" / "cells 1.tif"
    tifffile.imwrite(image, STACK, imagej=True, metadata={"axes": "ZYX"})
    (tmp_path / "out").mkdir()
    made = tmp_path / "out" / name
    run("segment", image, "-o", made, "--model", model, *options)
    record = read_record(made)
    assert record["model"]["sha256"]
    assert record["inputs"]["image"]["sha256"]
    assert again(made).read_bytes() == made.read_bytes()


def test_probabilities_and_tables_are_made_again(tmp_path):
    model = tmp_path / "net.safetensors"
    save_model(model_of(UNetConfig.classic(base=2, depth=1), activation="sigmoid"), model)
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    labels, outputs, table = (tmp_path / n for n in ("labels.tif", "p.tif", "t.csv"))
    run(
        *("segment", tmp_path / "a.tif", "-o", labels, "--model", model),
        *("--probabilities", outputs, "--objects", "--smallest", "1"),
    )
    assert again(outputs).read_bytes() == outputs.read_bytes()
    relabelled = tmp_path / "r.tif"
    run("relabel", outputs, "-o", relabelled, "--model", model, "--threshold", "0.3", "--objects")
    assert again(relabelled).read_bytes() == relabelled.read_bytes()
    run("measure", "--image", tmp_path / "a.tif", "--labels", labels, "-o", table)
    assert again(table).read_bytes() == table.read_bytes()
    assert "sha256" in table.read_text()


def test_changed_inputs_and_foreign_files_are_told(tmp_path):
    model = tmp_path / "net.safetensors"
    save_model(model_of(UNetConfig.classic(base=2, depth=1), activation="sigmoid"), model)
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    run("segment", tmp_path / "a.tif", "-o", tmp_path / "l.tif", "--model", model)
    tifffile.imwrite(tmp_path / "a.tif", STACK + 1, photometric="minisblack")
    assert "it has changed since" in run("made-by", tmp_path / "l.tif").output
    assert "weights SHA-256" in run("made-by", model).output
    for name in ("a.tif", "none.tif", "a.txt"):
        result = CliRunner().invoke(app, ["made-by", str(tmp_path / name)])
        assert result.exit_code == 1
        assert "Traceback" not in result.output


def test_a_difference_and_a_label_file_of_a_script_say_what_made_them(tmp_path):
    models = [tmp_path / f"{name}.safetensors" for name in ("before", "now")]
    for seed, path in enumerate(models):
        config = UNetConfig.classic(base=2, depth=1)
        save_model(model_of(config, seed=seed, activation="sigmoid"), path)
    image = tmp_path / "a.tif"
    tifffile.imwrite(image, STACK[0])
    made = tmp_path / "difference.tif"
    run("compare", image, "--before", models[0], "--now", models[1], "-o", made)
    assert again(made).read_bytes() == made.read_bytes()
    save_labels(tmp_path / "own.tif", np.ones((4, 5), np.uint8), Image(np.ones((4, 5)), "YX"))
    assert read_record(tmp_path / "own.tif")["by"] == "python"


@pytest.mark.parametrize("parent", [True, False])
def test_a_trained_model_names_its_files_and_is_trained_again(tmp_path, parent):
    model = tmp_path / "net.safetensors"
    save_model(model_of(UNetConfig.classic(base=2, depth=1), activation="sigmoid"), model)
    for i in range(2):
        tifffile.imwrite(tmp_path / f"a{i}.tif", STACK[i], photometric="minisblack")
        labels = (STACK[i] > 30000).astype(np.uint8)
        tifffile.imwrite(tmp_path / f"a{i}_mask.tif", labels, photometric="minisblack")
    new = tmp_path / "new.safetensors"
    network = ("--model", model) if parent else ("--base", 2, "--depth", 1)
    region = ("--region", "y=0:32,x=0:40")
    run(
        *("finetune", "--images", tmp_path, "--labels", tmp_path, "--kind", "classes", *region),
        *(*network, "-o", new, "--steps", 2, "--patch", 16, "--batch", 2, "--strength", "0.5"),
    )
    shown = run("made-by", new).output
    assert f"images 2: {tmp_path / 'a1.tif'}, SHA-256 " in shown
    assert read_hash(again(new)) == read_hash(new)


@pytest.mark.parametrize("predicted", [True, False])
def test_scores_are_computed_again(tmp_path, predicted):
    model = tmp_path / "net.safetensors"
    save_model(model_of(UNetConfig.classic(base=2, depth=1), activation="sigmoid"), model)
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], photometric="minisblack")
    tifffile.imwrite(tmp_path / "a_mask.tif", (STACK[0] > 30000).astype(np.uint8))
    scores = tmp_path / "scores.json"
    tifffile.imwrite(tmp_path / "found.tif", (STACK[0] > 20000).astype(np.uint8))
    given = ("--predicted", tmp_path / "found.tif")
    if not predicted:
        given = ("--images", tmp_path / "a.tif", "--model", model, "--threshold", "0.4")
    truth = ("--labels", tmp_path / "a_mask.tif", "--kind", "classes")
    run("evaluate", *given, *truth, "--json", scores)
    assert again(scores).read_bytes() == scores.read_bytes()
