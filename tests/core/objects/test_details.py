"""Shape of objects, their surroundings and their parents, against skimage and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.draw import disk, ellipse
from skimage.measure import regionprops

from napari_unet.core.image.axes import Image
from napari_unet.core.objects.details import Details
from napari_unet.core.objects.measure import measure
from napari_unet.core.progress import finish


def drawn():
    labels = np.zeros((90, 120), np.int64)
    labels[disk((20, 20), 12)] = 7
    labels[ellipse(50, 70, 8, 30, rotation=0.5)] = 70_000
    labels[80, 110] = 3
    labels[80:85, 10:12] = labels[83:85, 10:30] = 9
    return labels


def table(labels, axes="YX", details=None, pixels=None, **image):
    pixels = np.ones(labels.shape) if pixels is None else pixels
    return finish(measure(Image(pixels, axes, **image), labels, details=details or Details()))


def test_shape_is_that_of_skimage_in_the_image_s_unit():
    labels = drawn()
    found = table(labels, scale={"Y": 0.5, "X": 0.5}, unit="micrometer")
    assert found["label"].tolist() == [3, 7, 9, 70_000]
    for i, label in enumerate(found["label"]):
        (region,) = regionprops((labels == label).astype(int))
        assert found["perimeter_um"][i] == pytest.approx(region.perimeter / 2)
        assert found["eccentricity"][i] == pytest.approx(region.eccentricity)
        assert found["orientation_rad"][i] == pytest.approx(region.orientation)
    disc, bent = 1, 2
    assert found["feret_um"][disc] == pytest.approx(12, rel=0.05)
    assert found["feret_um"][0] == pytest.approx(math.sqrt(2) / 2)
    assert found["solidity"][0] == 1
    assert found["solidity"][disc] > 0.95
    assert found["solidity"][bent] < 0.7


def test_every_plane_and_number_has_its_row():
    labels = np.stack([drawn(), np.roll(drawn(), 3, axis=1), np.zeros((90, 120), int)])
    found = finish(measure(Image(labels, "TYX"), labels, details=Details()))
    assert {len(column) for column in found.values()} == {8}
    assert found["t"].tolist() == [0] * 4 + [1] * 4
    np.testing.assert_allclose(found["perimeter_px"][:4], found["perimeter_px"][4:])


def test_a_ring_measures_what_surrounds_an_object_but_no_other():
    labels = np.zeros((40, 40), np.int64)
    labels[10:20, 10:20], labels[10:20, 20:30] = 1, 2
    pixels = np.zeros((40, 40))
    pixels[labels == 2] = 1000
    pixels[labels == 0] = 5
    pixels[0] = np.nan
    found = table(labels, details=Details(shape=False, ring=3), pixels=pixels)
    np.testing.assert_allclose(found["ring_mean"], [5, 5])
    assert "perimeter_px" not in found


def test_each_object_gets_the_parent_that_covers_most_of_it():
    cells, nuclei = np.zeros((30, 30), np.int64), np.zeros((30, 30), np.int64)
    cells[:, :10], cells[:, 10:20] = 4, 8
    nuclei[2:6, 2:6], nuclei[10:14, 8:14], nuclei[20:24, 24:28] = 1, 2, 3
    found = table(nuclei, details=Details(shape=False, parents=cells))
    assert found["parent"].tolist() == [4, 8, 0]
    np.testing.assert_allclose(found["parent_overlap"], [1, 2 / 3, 0])


def test_volumes_have_rings_and_parents_but_no_shape_of_planes():
    labels = np.zeros((6, 20, 20), np.int64)
    labels[2:4, 5:9, 5:9] = 2
    found = table(labels, "ZYX", details=Details(ring=1, parents=np.ones((6, 20, 20), np.int64)))
    assert found["parent"].tolist() == [1]
    assert found["ring_mean"].tolist() == [1]
    assert "perimeter_px" not in found


def test_no_objects_give_an_empty_table():
    assert len(table(np.zeros((9, 9), int))["label"]) == 0
