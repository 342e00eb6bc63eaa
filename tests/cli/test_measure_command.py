"""`napari-unet measure` as a user types it, and tables as files."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet import Image, UserError, measure, save_table
from napari_unet.cli import app

LABELS = np.zeros((2, 20, 30), np.uint16)
LABELS[:, 2:6, 3:8] = 7
LABELS[1, 10:20, 10:14] = 300


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        return CliRunner().invoke(app, ["measure", *map(str, arguments)])

    return call


@pytest.fixture
def files(tmp_path):
    """Two images of two planes and two channels, one without a pixel size, and their labels."""
    pixels = np.random.default_rng(0).integers(0, 999, (2, 2, 20, 30), np.uint16)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        metadata = {"axes": "ZCYX", "Labels": ["DAPI", "GFP"] * 2}
        if name == "a":
            metadata |= {"spacing": 2.0, "unit": "um"}
        resolution = (4, 4) if name == "a" else None
        path = tmp_path / "images" / f"{name}.tif"
        tifffile.imwrite(path, pixels, imagej=True, metadata=metadata, resolution=resolution)
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", LABELS)
    return tmp_path


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_image(run, files):
    out = files / "new" / "table.csv"
    image, labels = files / "images" / "a.tif", files / "labels" / "a.tif"
    result = run("--image", image, "--labels", labels, "-o", out)
    assert result.exit_code == 0, result.output
    first, second = table(out)
    assert (first["label"], second["label"]) == ("7", "300")
    assert float(first["volume_um3"]) == 40 * 2 * 0.25**2
    assert float(first["centroid_y_um"]) == 3.5 * 0.25
    pixels = tifffile.imread(image)
    assert float(second["intensity_mean_GFP"]) == pixels[1, 1][LABELS[1] == 300].mean()
    assert int(second["intensity_max_DAPI"]) == pixels[1, 0][LABELS[1] == 300].max()


def test_objects_of_single_planes(run, files):
    image, labels = files / "images" / "a.tif", files / "labels" / "a.tif"
    out = files / "table.csv"
    result = run("--image", image, "--labels", labels, "-o", out, "--planes")
    assert result.exit_code == 0, result.output
    rows = [(row["z"], row["label"], float(row["area_um2"])) for row in table(out)]
    assert rows == [("0", "7", 20 / 16), ("1", "7", 20 / 16), ("1", "300", 40 / 16)]
    assert [row["touches_border"] for row in table(out)] == ["False", "False", "True"]


def test_folders_give_one_table(run, files):
    out = files / "table.csv"
    result = run("--images", files / "images", "--labels", files / "labels", "-o", out)
    assert result.exit_code == 0, result.output
    rows = table(out)
    assert [row["image"] for row in rows] == ["a", "a", "b", "b"]
    # what is measured in another unit is left empty, not mixed up
    assert [row["volume_px"] for row in rows] == ["", "", "40.0", "40.0"]
    assert all(row["volume_um3"] for row in rows[:2])


def test_a_finished_table_stays_unless_told_otherwise(run, files):
    out = files / "table.csv"
    out.write_text("mine")
    given = ("--image", files / "images", "--labels", files / "labels", "-o", out)
    result = run(*given)
    assert result.exit_code == 1
    assert "already exists" in result.output
    assert out.read_text() == "mine"
    assert run(*given, "--overwrite").exit_code == 0
    assert len(table(out)) == 4


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:, :, 1:], "another shape"),
        (LABELS[:, ::2, ::2], "2× smaller"),
        (LABELS.astype(np.float32) + 0.5, "does not hold whole numbers"),
    ],
)
def test_bad_labels_are_explained(run, files, labels, message):
    tifffile.imwrite(files / "labels" / "b.tif", labels)
    out = files / "table.csv"
    result = run("--image", files / "images", "--labels", files / "labels", "-o", out)
    assert result.exit_code == 1
    assert message in result.output
    assert "b.tif" in result.output
    assert not out.exists()


def test_bad_files_are_explained(run, files):
    image, labels = files / "images" / "a.tif", files / "labels"
    for given, out, message in (
        (labels / "a.tif", "t.xlsx", "end in .csv"),
        (labels / "none.tif", "t.csv", "Nothing to open"),
        (labels, "t.csv", "don't pair up"),
    ):
        result = run("--image", image, "--labels", given, "-o", files / out)
        assert result.exit_code == 1
        assert message in result.output


def test_names_with_commas_and_other_letters_come_back(tmp_path):
    path = tmp_path / "table.csv"
    save_table({"label": [1, 2], 'α-"tubulin", 5 µm': np.array([0.1, np.nan])}, path)
    assert table(path) == [
        {"label": "1", 'α-"tubulin", 5 µm': "0.1"},
        {"label": "2", 'α-"tubulin", 5 µm': ""},
    ]


def test_no_objects_give_the_names_of_the_columns(tmp_path):
    path = tmp_path / "table.csv"
    columns = measure(Image(LABELS, "ZYX"), np.zeros_like(LABELS))
    save_table(columns, path)
    assert path.read_text(encoding="utf-8").strip() == ",".join(columns)
    with pytest.raises(UserError, match="already exists"):
        save_table(columns, path)


def test_names_of_files_become_columns(run, files):
    for folder in ("images", "labels"):
        for name, new in (("a", "drug_B2_1"), ("b", "none_C10_1")):
            (files / folder / f"{name}.tif").rename(files / folder / f"{new}.tif")
    out = files / "plate.csv"
    given = ("--images", files / "images", "--labels", files / "labels", "-o", out)
    result = run(*given, "--pattern", "{condition}_{well}_{field}")
    assert result.exit_code == 0, result.output
    assert "2 of 2 names fit" in result.output
    rows = table(out)
    assert list(rows[0])[:5] == ["image", "condition", "well", "field", "label"]
    assert [(row["condition"], row["well"]) for row in rows[::2]] == [
        ("drug", "B02"),
        ("none", "C10"),
    ]
    result = run(*given, "--pattern", "{plate}-{well}", "--overwrite")
    assert result.exit_code == 1
    assert "drug_B2_1.tif" in result.output
