"""ROI archives of ImageJ and GeoJSON of QuPath give the same labels when they are drawn again."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import roifile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.services.files.labels import read_labels
from napari_unet.services.files.object_outlines import save_outlines
from napari_unet.services.files.provenance import new_record, read_record

RECORD = new_record("segment", "labels", {}, options={})


@st.composite
def stacks(draw):
    """Labels of several axes with holes, islands, single pixels and large numbers."""
    axes = draw(st.sampled_from(["YX", "ZYX", "TZYX", "XY", "QYX"]))
    shape = draw(st.tuples(*[st.integers(1, 3 if a not in "YX" else 14) for a in axes]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    numbers = random.choice([0, 1, 2, 70_000, 2**31 - 5], shape, p=[0.4, 0.2, 0.2, 0.1, 0.1])
    numbers.flat[0] = 5
    return axes, numbers.astype(np.int64)


@given(stacks(), st.sampled_from(["zip", "geojson"]))
@settings(max_examples=80, deadline=None)
def test_labels_come_back_exactly(tmp_path_factory, case, suffix):
    axes, numbers = case
    path = tmp_path_factory.getbasetemp() / f"objects.{suffix}"
    image = Image(np.zeros(numbers.shape, np.uint8), axes)
    save_outlines(path, numbers, image, overwrite=True, made_by=RECORD)
    found = read_labels(path, image)
    np.testing.assert_array_equal(np.asarray(found.image.data), numbers)
    assert read_record(path) == RECORD


def test_imagej_reads_the_regions(tmp_path):
    numbers = np.zeros((2, 20, 30), np.uint16)
    numbers[0, 2:8, 3:9] = 4
    numbers[0, 4, 5] = 0
    numbers[1, 10, 20] = 9
    image = Image(numbers, "ZYX")
    assert save_outlines(tmp_path / "a.zip", numbers, image) == 2
    with_hole, pixel = roifile.roiread(tmp_path / "a.zip")
    assert with_hole.composite
    assert (with_hole.z_position, with_hole.position, pixel.z_position) == (1, 1, 2)
    assert pixel.roitype == roifile.ROI_TYPE.POLYGON
    assert pixel.coordinates().tolist() == [[20, 10], [21, 10], [21, 11], [20, 11]] or len(
        pixel.coordinates()
    ) in (4, 5)
    assert (pixel.left, pixel.top, pixel.right, pixel.bottom) == (20, 10, 21, 11)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert sum(name.endswith(".roi") for name in archive.namelist()) == 2


def test_qupath_reads_the_features(tmp_path):
    numbers = np.zeros((20, 30), np.uint16)
    numbers[2:8, 3:9] = 4
    numbers[4, 5] = 0
    numbers[15, 25] = 4
    save_outlines(tmp_path / "a.geojson", numbers, Image(numbers, "YX"))
    content = json.loads((tmp_path / "a.geojson").read_text())
    (feature,) = content["features"]
    assert content["type"] == "FeatureCollection"
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert sorted(len(part) for part in feature["geometry"]["coordinates"]) == [1, 2]
    for part in feature["geometry"]["coordinates"]:
        assert all(ring[0] == ring[-1] for ring in part)
    assert feature["properties"]["objectType"] == "detection"


def test_what_qupath_drew_becomes_objects(tmp_path):
    square = [[[2.0, 3.0], [7.0, 3.0], [7.0, 9.0], [2.0, 9.0], [2.0, 3.0]]]
    drawn = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": square}}
    (tmp_path / "a.geojson").write_text(json.dumps([drawn]))
    labels = np.asarray(
        read_labels(tmp_path / "a.geojson", Image(np.zeros((20, 30)), "YX")).image.data
    )
    assert labels[3:9, 2:7].min() == labels.max() == 1
    assert labels.sum() == 30


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"features": [{"geometry": {}}]}'])
def test_other_json_is_explained(tmp_path, content):
    (tmp_path / "a.geojson").write_text(content)
    with pytest.raises(UserError, match=r"a\.geojson"):
        read_labels(tmp_path / "a.geojson", Image(np.zeros((20, 30)), "YX"))


def test_the_same_objects_give_the_same_file(tmp_path):
    numbers = np.ones((5, 6), np.uint8)
    for name in ("a.zip", "a.geojson"):
        save_outlines(tmp_path / name, numbers, Image(numbers, "YX"), made_by=RECORD)
        first = (tmp_path / name).read_bytes()
        with pytest.raises(UserError, match="already exists"):
            save_outlines(tmp_path / name, numbers, Image(numbers, "YX"))
        save_outlines(
            tmp_path / name, numbers, Image(numbers, "YX"), overwrite=True, made_by=RECORD
        )
        assert (tmp_path / name).read_bytes() == first
