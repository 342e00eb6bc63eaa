"""Public cases of trouble, through the command line as their owners met them."""

from __future__ import annotations

import pytest
import tifffile
from places import SHARED

CASES = SHARED.parent / "cases"
pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the public cases are not beside the repository (../shared/cases)"
)
NUCLEI = ("--model", "nuclei-fluorescence")
PAIRED_01 = tuple(f"cell_00{i}.tif – cell_00{i}_masks.tif" for i in range(3))


def numbers(folder):
    """Return how many objects each result has, by its name."""
    return {path.stem: int(tifffile.imread(path).max()) for path in sorted(folder.glob("*.tif"))}


@pytest.mark.parametrize(
    ("inputs", "objects", "says"),
    [
        (
            ["01_same_folder"],
            {"cell_000": 10, "cell_001": 21, "cell_002": 9},
            "Left out, as labels of the others: cell_000_masks.tif",
        ),
        (["03_nodata_float32_small.tif"], {"03_nodata_float32_small": 10}, "9 pixels without data"),
        (["04_rgb_blue.tif"], {"04_rgb_blue": 10}, "seen as luminance"),
        (["05_yxc2.tif"], {"05_yxc2": 10}, "Of 2 channels, the U-Net saw channel 0"),
        (
            ["06_pages_unequal.tif"],
            {"06_pages_unequal_series0": 19, "06_pages_unequal_series1": 7},
            "06_pages_unequal_series1.tif",
        ),
        (
            ["06_two_series.ome.tif"],
            {"06_two_series.ome_series0": 10, "06_two_series.ome_series1": 11},
            "06_two_series.ome_series1.tif",
        ),
        (["07_multifile"], {"st_z0.ome": 40}, "st_z0.ome.tif"),
        ([f"07_multifile/st_z{i}.ome.tif" for i in range(3)], {"st_z0.ome": 40}, "st_z0.ome.tif"),
        (["08_one_hot_pixel.tif"], {"08_one_hot_pixel": 10}, "08_one_hot_pixel.tif"),
        (["18_inch72.tif"], {"18_inch72": 10}, "18_inch72.tif"),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else "",
)
def test_segment(run, tmp_path, inputs, objects, says):
    done = run("segment", *(CASES / name for name in inputs), "-o", tmp_path / "out", *NUCLEI)
    assert done.exit_code == 0, done.output
    assert says in done.output
    assert numbers(tmp_path / "out") == objects


def test_an_unrelated_resolution_is_not_written_on(run, tmp_path):
    done = run("segment", CASES / "18_inch72.tif", "-o", tmp_path / "a.tif", *NUCLEI)
    assert done.exit_code == 0, done.output
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].tags.valueof("XResolution") in (None, (1, 1))


@pytest.mark.parametrize(
    ("images", "labels", "status", "says"),
    [
        ("01_same_folder", "01_same_folder", 0, (*PAIRED_01, "No finding(s) in 3 images.")),
        (
            "02_shifted/images",
            "02_shifted/labels",
            1,
            ("f0.tif – no labels", "f1.tif – f1_mask.tif", "no image – f3_mask.tif"),
        ),
        ("09_negatives/images", "09_negatives/labels", 1, ("learnt as background everywhere",)),
        ("10_img.tif", "10_mask_0_255.tif", 1, ("lies in 9 parts", "divided into 9 objects")),
        ("10_img.tif", "17_labels_float32.tif", 0, ("No finding(s) in 1 image.",)),
    ],
)
def test_check(run, images, labels, status, says):
    done = run("check", "--images", CASES / images, "--labels", CASES / labels, "--kind", "objects")
    assert done.exit_code == status, done.output
    assert not [part for part in says if part not in done.output]


@pytest.mark.parametrize(
    ("images", "labels", "says"),
    [
        ("01_same_folder", "01_same_folder", (*PAIRED_01, "3 planes, 47 objects")),
        (
            "09_negatives/images",
            "09_negatives/labels",
            ("2 planes, 10 objects", "background 129,140"),
        ),
        ("10_img.tif", "10_mask_0_255.tif", ("1 plane, 9 objects", "divided into 9 objects")),
        ("10_img.tif", "17_labels_float32.tif", ("1 plane, 10 objects",)),
        (
            "03_nodata_float32_small.tif",
            "17_labels_float32.tif",
            ("1 plane, 10 objects", "small: 9 pixels without data", "background 63,595"),
        ),
    ],
)
def test_what_is_learnt_is_told_before_the_first_step(
    run, tmp_path, monkeypatch, images, labels, says
):
    # what follows is not looked at
    monkeypatch.setattr("napari_unet.core.training.trainer.Trainer._step", _stop)
    done = run(
        *("finetune", "--images", CASES / images, "--labels", CASES / labels),
        *("--kind", "objects", "--steps", 1, "-o", tmp_path / "new.safetensors"),
        *("--base", 2, "--depth", 1),
    )
    assert not [part for part in says if part not in done.output], done.output


def _stop(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("11_plain_that_loads.pth", "Pytorch-UNet"),
        ("13_torchem_batchnorm.pt", "torch-em"),
        ("14_nnunet_network_weights.pth", "nnU-Net v2"),
        ("23_empty.keras", "can't be opened as a network"),
    ],
)
def test_a_network_of_others_is_shown_or_named_for_what_it_is(run, name, says):
    done = run("models", "show", CASES / name)
    assert says in done.output
    assert done.exit_code == (1 if "keras" in name else 0)
