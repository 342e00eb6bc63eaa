"""Batches write regions and tables beside labels, which give the same objects."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_unet.services.files.images import open_image
from napari_unet.services.files.labels import read_labels
from napari_unet.services.files.provenance import read_record


@pytest.fixture
def threshold(run, model, images, tmp_path):
    """A threshold that half of the pixels exceed."""
    maps = tmp_path / "maps.tif"
    single = (images / "im1.tif", "-o", tmp_path / "any.tif", "--model", model)
    assert run("segment", *single, "--probabilities", maps).exit_code == 0
    return float(np.median(tifffile.imread(maps)))


def test_a_batch_writes_regions_and_tables(run, model, images, threshold, tmp_path):
    out = tmp_path / "out"
    also = ("--rois", out, "--geojson", out, "--table", out, "--objects", "--smallest", 1)
    also += ("--threshold", threshold)
    result = run("segment", images, "-o", out, "--model", model, *also)
    assert result.exit_code == 0, result.output
    assert len(list(out.iterdir())) == 12
    image = open_image(images / "im1.tif")
    labels = np.asarray(read_labels(out / "im1.tif", image).image.data)
    assert labels.max() > 0
    for name in ("im1.zip", "im1.geojson"):
        found = read_labels(out / name, image).image.data
        np.testing.assert_array_equal(np.asarray(found), labels)
        assert read_record(out / name)["made"] == name.partition(".")[2].replace("zip", "rois")
    with (out / "im1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(np.unique(plane[plane > 0])) for plane in labels)
    assert {"perimeter_um", "solidity", "eccentricity", "feret_um"} <= set(rows[0])


@pytest.mark.parametrize(("option", "name"), [("--rois", "a.csv"), ("--table", "a.zip")])
def test_a_wrong_name_is_refused_before_the_work(run, model, images, tmp_path, option, name):
    single = (images / "im0.tif", "-o", tmp_path / "l.tif", "--model", model)
    result = run("segment", *single, option, tmp_path / name)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert not (tmp_path / "l.tif").exists()


def test_a_table_has_rings_and_parents(run, model, images, threshold, tmp_path):
    out = tmp_path / "out"
    run("segment", images, "-o", out, "--model", model, "--objects", "--threshold", threshold)
    table = tmp_path / "t.csv"
    measured = run(
        *("measure", "--images", images, "--labels", out, "--planes", "-o", table),
        *("--ring", 2, "--parents", out),
    )
    assert measured.exit_code == 0, measured.output
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["parent"] == row["label"] for row in rows)
    assert float(rows[0]["parent_overlap"]) == 1
    assert "ring_mean" in rows[0]
    assert read_record(table)["options"]["ring"] == 2
