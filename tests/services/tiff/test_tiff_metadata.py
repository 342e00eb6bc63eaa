"""Voxel size, unit, channel names and axes, as the various programs write them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.services.files.images import open_image
from napari_unet.services.tiff.metadata import legal_axes

STACK = np.arange(3 * 2 * 9 * 7, dtype=np.uint16).reshape(3, 2, 9, 7)
GREY = {"photometric": "minisblack"}


def test_scale_unit_and_names_come_from_the_file(tmp_path):
    ome = {"axes": "CZYX", "PhysicalSizeX": 130, "PhysicalSizeXUnit": "nm", "PhysicalSizeZ": 0.5}
    ome |= {"Channel": {"Name": ["DAPI", "GFP", "RFP"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, metadata=ome, **GREY)
    image = open_image(tmp_path / "a.ome.tif")
    assert (image.name, image.unit) == ("a", "micrometer")
    assert image.scale == pytest.approx({"X": 0.13, "Z": 0.5})
    assert image.channel_names == ("DAPI", "GFP", "RFP")
    said = {"axes": "TZYX", "unit": "micron", "spacing": 2.0, "finterval": 30.0}
    tifffile.imwrite(tmp_path / "b.tif", STACK, imagej=True, metadata=said, resolution=(4, 2))
    image = open_image(tmp_path / "b.tif")
    assert image.unit == "micrometer"
    assert image.scale == pytest.approx({"T": 30, "Z": 2, "Y": 0.5, "X": 0.25})


@pytest.mark.parametrize(
    "unit", ["micron", "um", "\\u00B5m", "µm", "μm", "Microns", "micrometer", "micrometre"]
)
def test_micrometers_by_any_name(tmp_path, unit):
    said = {"axes": "YX", "unit": unit}
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], resolution=(4, 2), metadata=said)
    image = open_image(tmp_path / "a.tif")
    assert image.unit == "micrometer"
    assert image.scale == pytest.approx({"Y": 0.5, "X": 0.25})


@pytest.mark.parametrize(
    ("unit", "micrometers"), [("nm", 1e-3), ("mm", 1e3), ("cm", 1e4), ("inch", 25400)]
)
def test_other_lengths_become_micrometers(tmp_path, unit, micrometers):
    shrink = 4096 if unit in ("cm", "inch") else 1
    said = {"axes": "ZYX", "unit": unit, "spacing": 3.0 / shrink}
    per_unit = (4 * shrink, 2 * shrink)
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], imagej=True, resolution=per_unit, metadata=said)
    image = open_image(tmp_path / "a.tif")
    assert image.unit == "micrometer"
    lengths = {"Z": 3.0 / shrink, "Y": 0.5 / shrink, "X": 0.25 / shrink}
    assert image.scale == pytest.approx({a: n * micrometers for a, n in lengths.items()})


@pytest.mark.parametrize(
    ("per_unit", "unit", "pixel"),
    [
        (10_000, "CENTIMETER", 1.0),
        (25_400, "INCH", 1.0),
        (72, "INCH", None),
        (300, "INCH", None),
        (1200, "INCH", None),
        (2400, "INCH", None),
        (28.346, "CENTIMETER", None),
        (944.88, "CENTIMETER", None),
        (1, "CENTIMETER", None),
        (10_000, "NONE", None),
    ],
)
def test_a_resolution_tag_alone_counts_if_it_is_a_microscope_s(tmp_path, per_unit, unit, pixel):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK[0, 0],
        resolution=(per_unit, per_unit),
        resolutionunit=unit,
        metadata=None,
    )
    image = open_image(tmp_path / "a.tif")
    assert image.unit == ("pixel" if pixel is None else "micrometer")
    assert image.scale == pytest.approx({} if pixel is None else {"Y": pixel, "X": pixel})


@pytest.mark.parametrize(
    ("unit", "per_unit"),
    [("inch", 72), ("inch", 96), ("inch", 2400), ("cm", 37.795), ("cm", 1), ("um", 72 / 25400)],
)
@pytest.mark.parametrize("imagej", [True, False])
def test_how_large_to_print_is_no_pixel_size(tmp_path, unit, per_unit, imagej):
    said = {"axes": "ZYX", "unit": unit, "spacing": 3.0}
    tifffile.imwrite(
        tmp_path / "a.tif", STACK[0], imagej=imagej, resolution=(per_unit,) * 2, metadata=said
    )
    image = open_image(tmp_path / "a.tif")
    assert (image.unit, dict(image.scale)) == ("pixel", {})


@pytest.mark.parametrize("size", [25400 / 72, 25400 / 96, 25400 / 300])
def test_a_converter_s_printing_resolution_is_no_pixel_size(tmp_path, size):
    said = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0, 0], ome=True, metadata=said, **GREY)
    image = open_image(tmp_path / "a.ome.tif")
    assert (image.unit, dict(image.scale)) == ("pixel", {})


def test_scifio_says_it_in_lists(tmp_path):
    """Its resolution tags are per centimetre though it names another unit."""
    description = (
        "SCIFIO=0.43.3\naxes=X,Y,Z\nlengths=7,9,2\nscales=0.15,0.2,0.5\n"
        "units=micrometer,micrometer,micrometer\nimages=2\nslices=2\nhyperstack=true\nunit=micrometer\n"
    )
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK[0],
        description=description,
        metadata=None,
        resolution=(66666, 50000),
        resolutionunit="CENTIMETER",
        **GREY,
    )
    image = open_image(tmp_path / "a.tif")
    assert (image.axes, image.unit) == ("ZYX", "micrometer")
    assert image.scale == pytest.approx({"Z": 0.5, "Y": 0.2, "X": 0.15})


def test_nonsense_is_no_scale(tmp_path):
    for size in ("0", "-1", "nan", "inf", "wide"):
        ome = {"axes": "YX", "PhysicalSizeX": size, "TimeIncrement": size}
        tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], ome=True, metadata=ome, **GREY)
        image = open_image(tmp_path / "a.tif")
        assert (dict(image.scale), image.unit) == ({}, "pixel")


def test_imagej_labels_of_slices_are_no_channels(tmp_path):
    for labels, names in [
        (["DAPI", "GFP"] * 3, ("DAPI", "GFP")),
        (["one", "two", "three", "four", "five", "six"], ()),
        (["DAPI"], ()),
    ]:
        said = {"axes": "ZCYX", "Labels": labels}
        tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata=said)
        assert open_image(tmp_path / "a.tif").channel_names == names


@pytest.mark.parametrize(
    ("axes", "legal"),
    [("TZCYX", "TZCYX"), ("IYXS", "IYXS"), ("QQYX", "QPYX"), ("_zYX", "QPYX"), ("YXX", "YXQ")],
)
def test_each_axis_has_a_letter_of_its_own(axes, legal):
    assert legal_axes(axes) == legal
