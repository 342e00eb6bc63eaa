"""Which level of a pyramid is segmented."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from networks import model_of
from zarr_kit import container

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Notice, finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.blocks.files import segment_files_by_blocks
from napari_unet.services.files.images import open_labels
from napari_unet.services.segmentation.batch import segment_files
from napari_unet.services.segmentation.level import choose_level
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.tasks import make_tasks

OPTIONS = SegmentOptions(device="cpu", precision="float32")


@pytest.fixture
def pyramid(tmp_path):
    """Three levels, with pixels of .25, .5 and 1 µm."""
    pixels = np.random.default_rng(0).integers(0, 255, (64, 80)).astype(np.uint8)
    path = container(tmp_path / "slide.zarr", pixels, "yx", scale=[0.25, 0.25])
    root = zarr.open_group(str(path), mode="r+")
    ome = dict(root.attrs["ome"])
    (image,) = ome["multiscales"]
    for axis in image["axes"]:
        axis["unit"] = "micrometer"
    for level in (1, 2):
        step = 2**level
        root.create_array(f"s{level}", data=pixels[::step, ::step], chunks=(16, 16))
        scale = [{"type": "scale", "scale": [0.25 * step] * 2}]
        image["datasets"].append({"path": f"s{level}", "coordinateTransformations": scale})
    root.attrs["ome"] = ome
    return path


def network(*pixel_size):
    config = UNetConfig.classic(base=2, depth=1, out_channels=2)
    return model_of(config, activation="softmax", pixel_size=pixel_size)


@pytest.mark.parametrize(
    ("learnt", "level"), [(0.1, 0), (0.3, 0), (0.4, 1), (0.6, 1), (0.9, 2), (5.0, 2)]
)
def test_the_one_nearest_to_what_was_learnt_is_taken(pyramid, learnt, level):
    chosen = choose_level(pyramid, network(learnt, learnt).spec)
    assert chosen.number == level
    assert bool(chosen.note) == bool(level)


def test_the_largest_is_taken_where_nothing_speaks_for_another(pyramid, tmp_path):
    assert choose_level(pyramid, network().spec).number == 0
    assert choose_level(tmp_path / "plane.tif", network(1, 1).spec).number == 0
    unscaled = container(tmp_path / "unscaled.zarr", np.zeros((8, 8), np.uint8), "yx")
    assert choose_level(unscaled, network(1, 1).spec).number == 0


def test_one_that_is_asked_for_is_taken(pyramid):
    assert choose_level(pyramid, network(1, 1).spec, asked=0) == choose_level(
        pyramid, network().spec
    )
    with pytest.raises(UserError, match="has no level 7"):
        finish(
            segment_files_by_blocks(
                make_tasks([pyramid], pyramid.with_name("out.tif"), into_folder=False),
                network(),
                OPTIONS,
                level=7,
            )
        )


@pytest.mark.parametrize("by_blocks", [False, True])
def test_what_was_taken_is_told_and_the_labels_have_its_pixels(pyramid, by_blocks):
    tasks = make_tasks([pyramid], pyramid.with_name("out.tif"), into_folder=False)
    job = (segment_files_by_blocks if by_blocks else segment_files)(
        tasks, network(0.5, 0.5), OPTIONS
    )
    told = []
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            (result,) = stop.value
            break
        told += [step.text] if isinstance(step, Notice) else []
    assert any("Level 1 of the pyramid" in text for text in [*told, *result.notes])
    labels = open_labels(pyramid.with_name("out.tif"))
    assert labels.data.shape == (32, 40)
    assert labels.scale["X"] == pytest.approx(0.5)
