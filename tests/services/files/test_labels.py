"""Label files mean what their owner means, whatever program has written them."""

import pickle

import numpy as np
import pytest
import roifile
import tifffile

from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.errors import UserError
from napari_unet.core.progress import finish
from napari_unet.services.files.images import open_image
from napari_unet.services.files.labels import read_labels
from napari_unet.services.training.annotation_files import read_annotations

SHAPE = (40, 50)
OBJECTS = np.zeros(SHAPE, np.uint16)
OBJECTS[2:9, 3:9], OBJECTS[12:20, 5:15], OBJECTS[30:38, 40:48] = 1, 2, 3


@pytest.fixture
def image(tmp_path):
    tifffile.imwrite(tmp_path / "im.tif", np.arange(2000, dtype=np.uint16).reshape(SHAPE))
    return tmp_path / "im.tif"


def inspected(image, labels, kind="objects", **how):
    path = labels
    if isinstance(labels, np.ndarray):
        path = image.with_name("im_masks.tif")
        tifffile.imwrite(path, labels, **({"photometric": "minisblack"} | how))
    inspection = finish(inspect_annotations(read_annotations([image], [path], kind)))
    (truth,) = inspection.truths
    frame, box = truth.annotation.whole(())
    return truth.labels(frame, box), str(inspection.summary)


@pytest.mark.parametrize(
    "labels",
    [
        OBJECTS.astype(np.float32),
        OBJECTS.astype(np.float64),
        OBJECTS.astype(">u2"),
        OBJECTS.astype(">i4"),
        OBJECTS[None],
        OBJECTS.astype(np.float32)[None, None],
        OBJECTS[..., None],
        np.stack([OBJECTS.astype(np.uint8)] * 3, axis=-1),
    ],
    ids=lambda x: f"{x.dtype.str}{x.shape}",
)
def test_labels_are_taken_however_they_were_saved(image, labels):
    byteorder = ">" if labels.dtype.byteorder == ">" else None
    colour = "rgb" if labels.shape[-1] == 3 else "minisblack"
    found, told = inspected(image, labels, byteorder=byteorder, photometric=colour)
    assert np.array_equal(found, OBJECTS)
    assert told.startswith("1 plane, 3 objects")
    assert "\n" not in told


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, 1e12])
def test_probabilities_are_no_labels(image, value):
    labels = OBJECTS.astype(np.float32)
    labels[5, 5] = value
    with pytest.raises(UserError, match="does not hold whole numbers"):
        inspected(image, labels)


@pytest.mark.parametrize("mask", [OBJECTS > 0, (OBJECTS > 0) * np.uint8(255), OBJECTS.clip(0, 1)])
def test_masks_given_as_objects_are_divided_and_that_is_told(image, mask):
    found, told = inspected(image, mask)
    assert "lies in 3 parts, so it is a mask; divided into 3 objects" in told
    assert len(np.unique(found)) == 4
    assert all(len(np.unique(found[i == OBJECTS])) == 1 for i in range(4))
    assert "divided" not in inspected(image, (OBJECTS == 1) * np.uint8(255))[1]
    assert "divided" not in inspected(image, (OBJECTS > 0) * np.uint8(7))[1]  # one object in pieces
    assert "divided" not in inspected(image, mask, "classes")[1]


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535), (np.uint32, -1)])
def test_minus_one_without_its_sign_is_unlabelled_and_told(image, dtype, top):
    labels = OBJECTS.astype(np.int64)
    labels[:, :2] = -1
    found, told = inspected(image, labels.astype(dtype))
    assert f"label {np.array(top).astype(dtype)}" in told
    assert "taken for −1" in told
    assert (found[:, :2] == -1).all()
    assert np.array_equal(found[:, 2:], OBJECTS[:, 2:])
    crowded = np.arange(1, 256, dtype=np.uint8).repeat(8)[:2000].reshape(SHAPE)
    assert "−1" not in inspected(image, crowded)[1]


def test_an_empty_mask_is_learnt_as_background(image):
    for kind in ("objects", "classes"):
        found, told = inspected(image, np.zeros(SHAPE, np.uint8), kind)
        assert (found == 0).all()
        assert "learnt as background everywhere" in told
    assert "Nothing painted" in inspected(image, OBJECTS * 0, "scribbles")[1]


def test_cellpose_files_are_read_and_run_no_code(image, tmp_path):
    class Surprise:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    path = tmp_path / "im_seg.npy"
    held = {"masks": OBJECTS, "flows": [OBJECTS[None]], "filename": "im.tif", "odd": Surprise()}
    np.save(path, held, allow_pickle=True)
    assert np.array_equal(inspected(image, path)[0], OBJECTS)
    assert not (tmp_path / "made").exists()
    np.save(path, OBJECTS)
    assert np.array_equal(inspected(image, path)[0], OBJECTS)
    whole = pickle.dumps({"outlines": 1})
    for bad in (b"", b"\x93NUMPY", path.read_bytes()[:-9], whole):
        path.write_bytes(bad)
        with pytest.raises(UserError, match="can't be read as labels"):
            inspected(image, path)


def roi(points, **how):
    return roifile.ImagejRoi.frompoints(np.array(points, dtype=np.int32), **how)


def test_regions_of_interest_are_read_as_objects(image, tmp_path):
    path = tmp_path / "RoiSet.zip"
    outlines = [((3, 2), (9, 2), (9, 9), (3, 9)), ((5, 12), (15, 12), (15, 20), (5, 20))]
    third = roifile.ImagejRoi()
    third.roitype = roifile.ROI_TYPE.RECT
    third.top, third.left, third.bottom, third.right = 30, 40, 38, 48
    third.name = "rect"
    line = roi([(0, 0), (30, 30)])
    line.roitype = roifile.ROI_TYPE.POLYLINE
    roifile.roiwrite(path, [*(roi(o, name=f"r{i}") for i, o in enumerate(outlines)), line, third])
    found, told = inspected(image, path)
    assert np.array_equal(found, OBJECTS)
    assert "RoiSet.zip: 3 regions of interest" in told
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="can't be read as regions of interest"):
        read_labels(path, open_image(image))


def test_a_region_of_interest_lies_in_its_plane(tmp_path):
    tifffile.imwrite(
        tmp_path / "z.tif", np.zeros((3, *SHAPE), np.uint8), imagej=True, metadata={"axes": "ZYX"}
    )
    square = roi([(3, 2), (9, 2), (9, 9), (3, 9)], position=1)  # counted from 0 here
    square.tofile(tmp_path / "z.roi")
    labels = read_labels(tmp_path / "z.roi", open_image(tmp_path / "z.tif")).image.data
    assert np.array_equal(labels.sum(axis=(1, 2)), [0, 42, 0])
