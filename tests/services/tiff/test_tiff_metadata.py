"""Voxel size, unit, channel names and axes, as the various programs write them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile

from napari_unet.services.files.images import open_image
from napari_unet.services.tiff.metadata import legal_axes
from napari_unet.services.tiff.microscopes import stk_calibration
from napari_unet.services.tiff.reader import window

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


def test_colours_of_channels(tmp_path):
    ome = {"axes": "CYX", "Channel": {"Name": ["a", "b"], "Color": [-16776961, 65535]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0], ome=True, metadata=ome, **GREY)
    assert open_image(tmp_path / "a.ome.tif").channel_colours == ("#ff0000", "#0000ff")
    ramp = np.arange(256, dtype=np.uint8)
    tables = [np.stack([ramp * share for share in colour]) for colour in ((0, 1, 0), (1, 0, 1))]
    said = {"axes": "CYX", "LUTs": tables, "mode": "composite"}
    tifffile.imwrite(tmp_path / "b.tif", STACK[0], imagej=True, metadata=said)
    assert open_image(tmp_path / "b.tif").channel_colours == ("#00ff00", "#ff00ff")
    tifffile.imwrite(tmp_path / "c.tif", STACK[0], **GREY)
    assert open_image(tmp_path / "c.tif").channel_colours == ()


def lsm_info():
    """Return what an LSM file of three channels says, and their names and colours after it."""
    names = b"".join(struct.pack("<I", len(n) + 1) + n + b"\0" for n in (b"DAPI", b"GFP", b"RFP"))
    colours = bytes((0, 0, 255, 0, 0, 255, 0, 0, 255, 128, 0, 0))
    channels = struct.pack("<6I", 36 + len(names), 3, 3, 24, 36, 0) + colours
    info = np.zeros((), np.dtype(tifffile.TIFF.CZ_LSMINFO))
    info["MagicNumber"], info["StructureSize"] = 67127628, info.nbytes
    for axis, n in {"X": 7, "Y": 9, "Z": 3, "Channels": 3, "Time": 1}.items():
        info[f"Dimension{axis}"] = n
    info["VoxelSizeX"] = info["VoxelSizeY"] = 1e-7
    info["VoxelSizeZ"], info["TimeIntervall"] = 5e-7, 2.5
    return info, channels + names


def test_voxel_size_and_channels_of_lsm(tmp_path):
    info, channels = lsm_info()
    # two channels are left out: tifffile mends how Zeiss writes their tags
    stack = STACK[:, [0, 1, 0]]
    extra = [(34412, 1, info.nbytes + len(channels), info.tobytes() + channels, True)]
    with tifffile.TiffWriter(tmp_path / "a.lsm", byteorder="<") as file:
        for i, plane in enumerate(stack):
            how = {"planarconfig": "separate", "metadata": None, **GREY}
            file.write(plane, extratags=[] if i else extra, **how)
            file.write(plane[:, ::3, ::3], subfiletype=1, **how)
    with tifffile.TiffFile(tmp_path / "a.lsm", mode="r+b") as file:
        at = file.pages[0].tags[34412].valueoffset
        file.filehandle.seek(at + info.dtype.fields["OffsetChannelColors"][1])
        file.filehandle.write(struct.pack("<I", at + info.nbytes))
    image = open_image(tmp_path / "a.lsm")
    assert image.sizes == {"Z": 3, "C": 3, "Y": 9, "X": 7}
    assert image.unit == "micrometer"
    assert image.scale == pytest.approx({"X": 0.1, "Y": 0.1, "Z": 0.5})
    assert image.channel_names == ("DAPI", "GFP", "RFP")
    assert image.channel_colours == ("#0000ff", "#00ff00", "#ff8000")
    assert np.array_equal(image.data[...], stack)


def test_voxel_size_of_metamorph_stacks(tmp_path):
    planes = [3, 10, 0, 0, 0, 0] * 3
    extra = [(33628, 4, 8, [0] * 8, True), (33629, 5, 9, planes, True)]
    how = {"byteorder": "<", "metadata": None, "truncate": True, "extratags": extra, **GREY}
    tifffile.imwrite(tmp_path / "a.stk", STACK[:, 0], **how)
    content = bytearray((tmp_path / "a.stk").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.stk") as file:
        tags = file.pages[0].tags
        first, second = tags[33628], tags[33629]
    # both tags count their entries, not their numbers
    struct.pack_into("<I", content, first.offset + 4, 4)
    struct.pack_into("<I", content, second.offset + 4, len(STACK))
    fraction, text = len(content), len(content) + 8
    values = {3: 1, 4: fraction, 5: fraction, 6: text}
    struct.pack_into(
        "<8I", content, first.valueoffset, *[x for pair in values.items() for x in pair]
    )
    content += struct.pack("<2I", 13, 100) + struct.pack("<I", 3) + b"um\0"
    (tmp_path / "a.stk").write_bytes(content)
    image = open_image(tmp_path / "a.stk")
    assert image.sizes == {"Z": 3, "Y": 9, "X": 7}
    assert image.unit == "micrometer"
    assert image.scale == pytest.approx({"X": 0.13, "Y": 0.13, "Z": 0.3})
    assert np.array_equal(image.data[...], STACK[:, 0])


@pytest.mark.parametrize("unit", ["pixel", "", "furlong"])
def test_metamorph_without_a_length_states_no_voxel_size(unit):
    said = {"XCalibration": 0.13, "YCalibration": 0.13, "CalibrationUnits": unit}
    assert stk_calibration(said | {"ZDistance": np.array([0.3, 0.3])}) == ({}, "pixel")
    assert stk_calibration({}) == ({}, "pixel")


def test_a_window_of_an_endless_axis_takes_no_time():
    """A damaged header may say any size; each index must not be looked at one by one."""
    box, rest = window((slice(None, None, -2), 3, slice(5, 2)), (10**15, 7, 9))
    assert box == (slice(1, 10**15), slice(3, 4), slice(0, 0))
    assert rest == (slice(None, None, -2), 0, slice(None, None, 1))
