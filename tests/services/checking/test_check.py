"""Faults in images and labels are named before anything is learnt from them."""

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.services.checking import network
from napari_unet.services.checking.check import check

SIDE = 96


def field(seed, radius=5, n=12):
    """Bright discs of several sizes on noise, and their labels."""
    rng = np.random.default_rng(seed)
    image, labels = rng.normal(20, 3, (SIDE, SIDE)), np.zeros((SIDE, SIDE), np.uint16)
    y, x = np.mgrid[:SIDE, :SIDE]
    for _ in range(400):
        cy, cx, r = (*rng.uniform(8, SIDE - 8, 2), radius * rng.uniform(0.8, 1.2))
        disc = (y - cy) ** 2 + (x - cx) ** 2 < r**2
        around = (y - cy) ** 2 + (x - cx) ** 2 < (r + 3) ** 2
        if labels.max() < n and not labels[around].any():
            labels[disc] = labels.max() + 1
            image[disc] += 60
    return image.clip(0, 255).astype(np.uint8), labels


def found(fields, kind="objects"):
    pairs = [Annotation(Image(i, "YX"), a, kind, name=f"m{k}") for k, (i, a) in enumerate(fields)]
    return finish(check(pairs))


def faults(fields, kind="objects"):
    return {(each.fault, each.pair) for each in found(fields, kind)}


@pytest.fixture
def fields():
    return [list(field(seed)) for seed in range(6)]


def test_good_pairs_are_passed_over(fields):
    for kind in ("objects", "classes"):
        assert not faults([(i, a if kind == "objects" else (a > 0) * 1) for i, a in fields], kind)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda a: np.roll(a, (9, -7), (0, 1)), "shifted"),
        (lambda a: a[::-1], "turned"),
        (lambda a: a[:, ::-1], "turned"),
        (lambda a: a.T, "turned"),
        (lambda a: np.rot90(a), "turned"),
        (lambda a: a[:48, :48].repeat(2, 0).repeat(2, 1), "scaled"),
        (lambda a: np.where(a == 2, 1, a), "two places"),
        (lambda a: np.where(a == 0, 99, a), "inverted"),
        (lambda a: np.arange(a.size).reshape(a.shape) + 1, "image as labels"),
    ],
)
def test_a_fault_of_the_labels_is_named(fields, change, fault):
    fields[2][1] = change(fields[2][1])
    named = faults(fields)
    assert (fault, 2) in named
    assert {pair for _, pair in named} == {2}


def test_the_place_of_a_sliver_and_how_far_labels_are_shifted(fields):
    free = np.argwhere(fields[1][1] == 0)[50]
    fields[1][1][tuple(free)] = 77
    fields[3][1] = np.roll(fields[3][1], (9, -7), (0, 1))
    sliver, shift = (each for each in found(fields) if each.fault in ("sliver", "shifted"))
    assert (sliver.fault, sliver.pair) == ("sliver", 1)
    assert sliver.place.rows[0] == free[0]
    assert sliver.place.columns[0] == free[1]
    assert "shifted by 9 pixels along Y and -7 along X" in str(shift)


def test_images_are_compared_with_each_other(fields):
    fields[0][1], fields[3][1] = fields[3][1], fields[0][1]
    fields[5] = [fields[1][0] * np.uint16(3) + 7, fields[1][1]]
    assert faults(fields) == {("swapped", 0), ("swapped", 3), ("duplicate", 5)}
    large = [field(seed, 4) for seed in range(8)] + [field(9, 15, 3)]
    assert faults(large) == {("other scale", 8)}


def test_an_image_of_one_value_and_labels_without_any(fields):
    fields[0][0][:] = 5
    fields[1][1][:] = 0
    assert faults(fields) == {("constant image", 0), ("empty", 1)}


def test_a_volume_is_checked_as_one_and_the_plane_told():
    image, labels = zip(*(field(seed) for seed in range(3)))
    stack = Annotation(Image(np.stack(image), "ZYX"), np.stack(labels), "objects", name="s")
    assert "two places" in {each.fault for each in finish(check([stack]))}
    frames = Annotation(Image(np.stack(image), "TYX"), np.stack(labels), "objects", name="s")
    assert not finish(check([frames]))


def test_what_the_network_is_sure_of():
    _, labels = field(0)
    found_labels = labels.copy()
    sure = np.ones(labels.max() + 1, bool)
    assert not list(network._faults(labels.astype(np.int32), found_labels, sure))
    less = np.where(labels > 8, 0, labels).astype(np.int32)
    assert [f for f, *_ in network._faults(less, found_labels, sure)] == ["missing objects"]
    assert not list(network._faults(less, found_labels, sure & (np.arange(len(sure)) < 9)))
    joined = np.where(labels == 2, 1, labels).astype(np.int32)
    assert [f for f, *_ in network._faults(joined, found_labels, sure)] == ["several objects"]


def test_the_command_names_files_and_says_what_can_not_be_read(tmp_path, fields):
    for i, (image, labels) in enumerate(fields):
        tifffile.imwrite(tmp_path / f"f{i}.tif", image)
        tifffile.imwrite(tmp_path / f"f{i}_masks.tif", labels)
    words = ["check", "--images", tmp_path, "--labels", tmp_path, "--kind", "objects"]
    clean = CliRunner().invoke(app, [*map(str, words)])
    assert clean.exit_code == 0, clean.output
    assert "No finding(s) in 6 images" in clean.output
    tifffile.imwrite(tmp_path / "f1_masks.tif", fields[1][1][::-1])
    tifffile.imwrite(tmp_path / "f2_masks.tif", fields[2][1] / np.float32(99))
    told = CliRunner().invoke(app, [*map(str, words)])
    assert told.exit_code == 1
    assert "f1_masks.tif: the labels seem flipped top to bottom against their image" in told.output
    assert "f2_masks.tif' does not hold whole numbers" in told.output


def test_unlabelled_pixels_are_of_no_object(fields):
    (image, labels), *_ = fields
    whole = Annotation(Image(image, "YX"), labels, "objects")
    marked = labels.copy()
    # as some programs write them
    marked[:4] = 65535
    partly = Annotation(Image(image, "YX"), marked, "objects", unlabelled=65535)
    names = [{f.fault for f in finish(check([each]))} for each in (whole, partly)]
    # what the number was taken for is told, and nothing else
    assert names[1] == names[0] | {"meaning"}
