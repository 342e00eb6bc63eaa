"""From what a file says of itself to the line that makes it again, or the reason that none would."""

from __future__ import annotations

import csv
import json
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from painted import scribbled

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.services.commands import inputs
from napari_unet.services.commands.evaluation import evaluate_command
from napari_unet.services.commands.inputs import TrainingPair, find_or_write
from napari_unet.services.commands.made_by import command_again, command_of, describe
from napari_unet.services.commands.segmentation import batch_command
from napari_unet.services.files.provenance import new_record, read_record
from napari_unet.services.files.save import save_labels
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.options import FinetuneOptions

OUT = Path("/out/again.tif")


def file(name):
    return {"path": f"/data/{name}", "sha256": ""}


def segmented(**others):
    model = {"name": "net", "source": "net", "sha256": "0"}
    record = new_record("segment", "labels", {"image": Path("/data/a.tif")}, options={})
    return record | {"model": model} | others


def trained(**others):
    files = {"inputs": {"images 1": file("a.tif"), "labels 1": file("m.tif")}, "model": None}
    training = {
        "files": files | {"how": {"kind": "classes", "resample": True, "region": ["a", "b"]}},
        "options": FinetuneOptions(steps=7).model_dump(mode="json"),
        "device": "cpu",
        "precision": "float32",
        "memory": None,
        "pace": [],
    }
    return {"by": "finetune", "file": "/data/net.safetensors", "training": training | others}


def words(record):
    return shlex.split(command_of(record, OUT, "the file"))


def refused(what, *given, **named):
    with pytest.raises(UserError) as error:
        what(*given, **named)
    return str(error.value)


def test_a_segmentation_is_told_with_its_network():
    assert words(segmented())[:7] == [
        *("napari-unet", "segment", "/data/a.tif", "-o", str(OUT), "--model", "net")
    ]
    model = {"name": "net", "source": "", "sha256": "0"}
    assert "the U-Net is not saved" in refused(command_of, segmented(model=model), OUT, "x")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"by": "python"}, "it was made by “python”"),
        ({"by": "segment"}, "What x says of itself is not complete"),
        (segmented(options={"tile": "many"}), "What x says of itself is not complete"),
        (trained(files=None), "the files that it was trained with are not recorded"),
        (trained(altered="paint was added"), "paint was added"),
    ],
)
def test_what_no_line_would_make_again_says_why(record, words):
    assert words in refused(command_of, record, OUT, "x")


def test_a_training_is_told_with_its_files_and_its_length():
    found = " ".join(words(trained()))
    assert "--images /data/a.tif --labels /data/m.tif --kind classes --resample" in found
    assert "--region a --region b --in-order" in found
    assert "--steps 7 --minutes 0" in found
    assert "--model" not in found
    paced = " ".join(words(trained(pace=[[0, 7]])))
    assert "--pace-of /data/net.safetensors" in paced
    assert "--steps 7" not in paced


def test_what_was_changed_by_hand_is_said_and_not_made_again(tmp_path):
    image = Image(np.zeros((5, 6)), "YX")
    path = tmp_path / "l.tif"
    save_labels(path, np.ones((5, 6), np.uint8), image, made_by=segmented(edited=True))
    assert describe(path)[-1] == "changed by hand after that"
    assert "it was changed by hand" in refused(command_again, path)


def test_records_are_found_in_tables_with_or_without_a_column_for_them(tmp_path):
    record = json.dumps(segmented())
    for name, rows in {
        "header.csv": [["label", "area", record], ["1", "5", ""]],
        "column.csv": [["label", "made_by"], ["1", record]],
    }.items():
        with (tmp_path / name).open("w", newline="") as out:
            csv.writer(out).writerows(rows)
    assert read_record(tmp_path / "header.csv")["by"] == "segment"
    for name, content in {"empty.csv": "", "a.json": "[", "b.json": "[]"}.items():
        (tmp_path / name).write_text(content)
        assert "does not say what made it" in refused(read_record, tmp_path / name)
    assert "can't be opened" in refused(read_record, tmp_path / "gone.csv")
    with zipfile.ZipFile(tmp_path / "rois.zip", "w") as archive:
        archive.writestr("other.txt", "x")
    assert "does not say what made it" in refused(read_record, tmp_path / "rois.zip")


def test_a_batch_is_told_with_what_it_wrote_besides():
    line = batch_command(
        *(Path("/in"), Path("/out"), "net", SegmentOptions()),
        axes=None,
        existing="skip",
        exports=("table", "rois"),
    )
    assert "--rois /out --table /out" in line
    assert line.endswith("--skip-existing")
    probabilities = batch_command(
        *(Path("/in"), Path("/out"), "net", SegmentOptions(probabilities=True)),
        axes=None,
        existing="replace",
    )
    assert "--probabilities" in probabilities


def test_labels_in_memory_are_compared_as_files_only_if_they_are_those(tmp_path):
    labels = np.zeros((2, 5, 6), np.uint8)
    labels[:, 1:3, 1:4] = 1
    paths = tmp_path / "found.tif", tmp_path / "true.tif"
    image = Image(labels, "ZYX", name="found")
    for path in paths:
        save_labels(path, labels, image)
    line = evaluate_command(image, labels, paths, "objects", in_volumes=True)
    assert line.split()[-2:] == ["--kind", "objects"]
    assert "plane by plane" in refused(
        evaluate_command, image, labels, paths, "objects", in_volumes=False
    )
    other = labels.copy()
    other[0, 0, 0] = 3
    assert "true.tif holds other labels" in refused(
        evaluate_command, image, other, paths, "classes", in_volumes=False
    )
    none = paths[0], tmp_path / "none.tif"
    assert "none.tif holds other labels" in refused(
        evaluate_command, image, labels, none, "classes", in_volumes=False
    )


def wrong(kind, path, pixels):
    """A file that is not the one that was learnt from."""
    if kind == "text":
        path.write_text("no image")
    elif kind == "damaged":
        path.write_bytes(b"II*\0 nothing of use")
    elif kind == "shape":
        tifffile.imwrite(path, pixels[:20])
    elif kind == "type":
        tifffile.imwrite(path, pixels.astype(np.float32))
    elif kind == "values":
        tifffile.imwrite(path, pixels + 1)
    return path


@pytest.mark.parametrize("kind", ["none", "text", "damaged", "shape", "type", "values"])
def test_files_that_hold_something_else_are_written_anew(tmp_path, kind):
    annotation = scribbled()
    suffix = "txt" if kind == "text" else "tif"
    pair = TrainingPair(
        annotation,
        wrong(kind, tmp_path / f"board.{suffix}", annotation.image.data),
        wrong(kind, tmp_path / f"paint.{suffix}", annotation.paint),
    )
    found = finish(find_or_write([pair], tmp_path / "files"))
    (image,), (paint,) = found.images, found.paints
    assert image.is_relative_to(tmp_path / "files")
    # whole numbers of another type are the same labels
    assert paint.is_relative_to(tmp_path / "files") == (kind != "type")
    assert np.array_equal(tifffile.imread(image), annotation.image.data)
    assert np.array_equal(tifffile.imread(paint), annotation.paint)


def test_an_image_in_no_file_that_is_too_large_is_not_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "MAX_BYTES_IN_MEMORY", 100)
    with pytest.raises(UserError, match="too large to be copied"):
        finish(find_or_write([TrainingPair(scribbled(), None, None)], tmp_path / "files"))
