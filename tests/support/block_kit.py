"""An image whose labels are known, segmented by blocks."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from networks import model_of

from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.blocks.job import BlockOptions, Source
from napari_unet.services.blocks.run import segment_by_blocks
from napari_unet.services.files.images import open_image
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

BLOCKS = BlockOptions(block=64)
OPTIONS = SegmentOptions(smallest=3, separation=0.3, threshold=0.2, precision="float32")


@pytest.fixture(scope="module")
def objects_model():
    """A network of random weights, whose maps are full of objects."""
    config = UNetConfig.classic(out_channels=3, base=4, depth=2)
    return model_of(config, 7, task="objects", activation="sigmoid")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "a.tif"
    pixels = np.random.default_rng(0).normal(size=(2, 90, 100)).astype(np.float32)
    tifffile.imwrite(path, pixels, metadata={"axes": "ZYX"})
    return path


@pytest.fixture(scope="module")
def whole(image, objects_model):
    return finish(segment(open_image(image), objects_model, OPTIONS)).labels


def by_blocks(image, output, model, options=OPTIONS, cutting=BLOCKS, **more):
    return finish(
        segment_by_blocks(Source(path=str(image)), output, model, options, cutting, **more)
    )
