"""Labels as OME-Zarr: read back, valid, and never over something else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zarr
from zarr_kit import container, pixels

from napari_unet.core.errors import UserError
from napari_unet.core.progress import finish
from napari_unet.services.files.images import open_image, open_labels
from napari_unet.services.files.provenance import read_record
from napari_unet.services.files.save import save_labels
from napari_unet.services.omezarr.images import open_zarr
from napari_unet.services.omezarr.save import zarr_labels_saved

VERSIONS = ["0.4", "0.5"]


def labels_of(shape, seed=0):
    """Many small objects of high numbers: interpolating between them would make up others."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 90_000, [-(-n // 3) for n in shape]).astype(np.uint32)
    return small.repeat(3, -1).repeat(3, -2)[..., : shape[-2], : shape[-1]]


def an_image(tmp_path, shape=(1100, 700), version="0.5"):
    image = open_image(container(tmp_path / "a.zarr", np.zeros(shape, np.uint8), "yx", version))
    return replace(image, unit="micrometer", scale={"Y": 0.5, "X": 0.5})


@pytest.mark.parametrize("version", VERSIONS)
def test_levels_hold_only_numbers_of_the_first(tmp_path, version):
    image, labels = an_image(tmp_path), labels_of((1100, 700))
    path = tmp_path / "out.zarr"
    properties = [{"label-value": 5, "area_um2": 2.5}, {"label-value": 9, "area_um2": 3.0}]
    how = {"version": version, "properties": properties}
    finish(zarr_labels_saved(path, labels, image, "YX", labels.dtype, **how))
    found = open_zarr(path)
    assert [a.shape for a in found.arrays] == [(1100, 700), (550, 350), (275, 175)]
    assert found.multiscale.version == version
    np.testing.assert_array_equal(found.arrays[0][...], labels)
    np.testing.assert_array_equal(found.arrays[2][...], labels[::4, ::4])
    assert found.image(2).scale == {"Y": 2.0, "X": 2.0}
    about = found.attributes.get("ome", found.attributes)["image-label"]
    assert about["properties"][0] == {"label-value": 5, "area_um2": 2.5}
    assert len(about["colors"][0]["rgba"]) == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_go_among_those_of_an_image_and_say_what_made_them(tmp_path, version):
    image = an_image(tmp_path, (40, 30), version)
    labels = labels_of((40, 30))
    path = tmp_path / "a.zarr"
    save_labels(path, labels, image, made_by={"program": "p", "model": {"name": "m"}})
    save_labels(path / "labels" / "mine", labels + 1, image)
    for name, values in (("segmentation", labels), ("mine", labels + 1)):
        found = open_labels(path / "labels" / name)
        np.testing.assert_array_equal(found.data[...], values)
        assert open_zarr(path / "labels" / name).multiscale.version == version
    listed = dict(zarr.open(str(path / "labels"), mode="r").attrs)
    assert listed.get("ome", listed)["labels"] == ["segmentation", "mine"]
    assert read_record(path / "labels" / "segmentation")["model"] == {"name": "m"}
    # the image is as it was
    assert open_image(path).data.shape == (40, 30)


def test_labels_replace_labels_on_request_and_images_never(tmp_path):
    image, labels = an_image(tmp_path, (40, 30)), labels_of((40, 30))
    path = tmp_path / "a.zarr" / "labels" / "mine"
    save_labels(path, labels, image)
    with pytest.raises(UserError, match="already exists"):
        save_labels(path, labels, image)
    save_labels(path, labels + 1, image, overwrite=True)
    np.testing.assert_array_equal(open_labels(path).data[...], labels + 1)
    other = container(tmp_path / "b.zarr", pixels(), "czyx")
    with pytest.raises(UserError, match="images never"):
        finish(zarr_labels_saved(other, labels, image, "YX", labels.dtype, overwrite=True))
    assert open_image(other).axes == "CZYX"
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("none.zarr/labels/a", "There is no image at"),
        ("a.zarr/labels", "can't be written"),
        ("a.zarr.zip", "a ZIP file"),
    ],
)
def test_labels_that_can_not_be_written_there_are_refused(tmp_path, path, problem):
    image = an_image(tmp_path, (40, 30))
    with pytest.raises(UserError, match=problem):
        save_labels(tmp_path / path, labels_of((40, 30)), image)


def test_a_version_is_not_mixed_with_another(tmp_path):
    image, labels = an_image(tmp_path, (40, 30), "0.4"), labels_of((40, 30))
    path = tmp_path / "a.zarr" / "labels" / "mine"
    with pytest.raises(UserError, match=r"it is OME-Zarr 0\.4"):
        finish(zarr_labels_saved(path, labels, image, "YX", labels.dtype, version="0.5"))


def test_a_write_that_fails_leaves_the_old_labels(tmp_path, monkeypatch):
    image, labels = an_image(tmp_path, (40, 30)), labels_of((40, 30))
    path = tmp_path / "a.zarr" / "labels" / "mine"
    save_labels(path, labels, image)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_unet.services.omezarr.save.complete_labels", full)
    with pytest.raises(UserError, match="There is no room"):
        save_labels(path, labels + 1, image, overwrite=True)
    np.testing.assert_array_equal(open_labels(path).data[...], labels)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("version", VERSIONS)
def test_they_are_valid(tmp_path, version):
    models = pytest.importorskip("ome_zarr_models", reason="ome-zarr-models is not installed")
    image = an_image(tmp_path, (40, 30), version)
    save_labels(tmp_path / "a.zarr", labels_of((40, 30)), image)
    labels, dtype = labels_of((40, 30)), np.dtype("u4")
    finish(zarr_labels_saved(tmp_path / "b.zarr", labels, image, "YX", dtype, version=version))
    for path in ("a.zarr", "a.zarr/labels", "a.zarr/labels/segmentation", "b.zarr"):
        models.open_ome_zarr(zarr.open_group(str(tmp_path / path), mode="r"))
