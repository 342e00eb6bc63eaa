"""Files of several images, and images of several files: none is dropped without a word."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.core.image.frames import frames
from napari_unet.services.files.images import find_images, open_image, series_count

PLANES = np.random.default_rng(5).integers(0, 250, (3, 20, 30)).astype(np.uint8)


def ome(files, this, planes=3):
    """OME-XML of a stack whose planes are in files of their own."""
    data = "".join(
        f'<TiffData FirstC="0" FirstZ="{z}" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:0000000{z}-0000-0000-0000-000000000000</UUID></TiffData>'
        for z, name in enumerate(files)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:0000000{this}-0000-0000-0000-000000000000"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="30" SizeY="20" SizeC="1" '
        f'SizeZ="{planes}" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}'
        "</Pixels></Image></OME>"
    )


def write(path, plane, description):
    tifffile.imwrite(
        path, plane, description=description.encode(), metadata=None, photometric="minisblack"
    )


@pytest.fixture
def data_set(tmp_path):
    names = [f"s_z{z}.ome.tif" for z in range(3)]
    for z, name in enumerate(names):
        write(tmp_path / name, PLANES[z], ome(names, z))
    return tmp_path


@pytest.mark.parametrize("given", ["s_z0.ome.tif", "s_z2.ome.tif"])
def test_any_file_of_a_data_set_gives_all_of_it_once(data_set, given):
    tifffile.imwrite(data_set / "other.tif", PLANES[0])
    assert [path.name for path in find_images([data_set])] == ["other.tif", "s_z0.ome.tif"]
    image = open_image(data_set / given)
    assert image.axes == "ZYX"
    np.testing.assert_array_equal(np.asarray(image.data), PLANES)
    assert not image.notes


def test_planes_that_are_missing_are_told_and_not_taken_for_dark(data_set):
    (data_set / "s_z1.ome.tif").unlink()
    image = open_image(data_set / "s_z0.ome.tif")
    assert image.notes == ("1 of 3 planes are missing: they are not segmented.",)
    for frame, plane, there in zip(frames(image, "YX", [0]), PLANES, [True, False, True]):
        read = frame.read((slice(0, 20), slice(0, 30)))[0]
        assert (read == plane).all() if there else np.isnan(read).all()


def test_metadata_in_a_companion_file(tmp_path):
    names = [f"p{z}.tif" for z in range(3)]
    pointer = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="all.companion.ome" UUID="urn:uuid:0000000{}-0000-0000-0000-'
        '000000000000"/></OME>'
    )
    (tmp_path / "all.companion.ome").write_text(ome(names, 9))
    for z, name in enumerate(names):
        write(tmp_path / name, PLANES[z], pointer.format(z))
    (path,) = find_images([tmp_path])
    image = open_image(path)
    assert image.axes == "ZYX"
    np.testing.assert_array_equal(np.asarray(image.data), PLANES)


def test_a_thumbnail_is_no_image(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(PLANES[0], photometric="minisblack", metadata=None)
        file.write(PLANES[0, ::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    assert series_count(tmp_path / "a.tif") == 1
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / "a.tif").data), PLANES[0])


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("lead", [(), (4,)])
def test_few_last_pixels_are_channels_unless_the_file_says_otherwise(tmp_path, n, lead):
    pixels = np.random.default_rng(n).integers(0, 9, (*lead, 20, 30, n)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    image = open_image(tmp_path / "a.tif")
    assert image.axes[-3:] == "YXC"
    assert image.n_channels == n
    stated = "TZYX"[-pixels.ndim :]
    tifffile.imwrite(
        tmp_path / "b.tif", pixels, photometric="minisblack", metadata={"axes": stated}
    )
    assert open_image(tmp_path / "b.tif").axes == stated


def test_a_folder_with_brackets_is_a_folder(tmp_path):
    folder = tmp_path / "run[1]"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", PLANES[0])
    tifffile.imwrite(folder / "b.tif", PLANES[0])
    assert [path.name for path in find_images([f"{folder}/"])] == ["a.tif", "b.tif"]
    assert [path.name for path in find_images([folder / "*.tif"])] == ["a.tif", "b.tif"]
    assert [path.name for path in find_images([folder / "[b].tif"])] == ["b.tif"]
