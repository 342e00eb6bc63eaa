"""What is said where memory, disk or certainty come to an end."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import tifffile
from networks import model_of

from napari_unet.core.diameter.estimate import DiameterEstimate
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import Progress, finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.blocks.files import segment_files_by_blocks
from napari_unet.services.blocks.job import Source
from napari_unet.services.evaluation.compare import compare
from napari_unet.services.segmentation import arrays, cached_outputs
from napari_unet.services.segmentation.batch import segment_files
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.sizing import estimated
from napari_unet.services.segmentation.tasks import Task

FIXED = {"device": "cpu", "precision": "float32"}
MODEL = model_of(UNetConfig.classic(base=2, depth=1), activation="sigmoid", name="net")
IMAGE = Image(np.random.default_rng(0).normal(size=(24, 32)).astype(np.float32), "YX", name="cells")


def test_outputs_that_do_not_fit_into_memory_are_refused_before_the_work(monkeypatch):
    monkeypatch.setattr(cached_outputs, "free_memory", lambda: 1000)
    with pytest.raises(UserError, match="outputs for 'cells' don't fit into memory"):
        finish(cached_outputs.cache_outputs(IMAGE, MODEL, SegmentOptions()))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="disks are asked in another way")
def test_a_result_that_fits_nowhere_is_told_before_the_work(monkeypatch):
    monkeypatch.setattr(arrays, "free_memory", lambda: 0)
    on_disk = arrays.zeros((4, 5), np.uint16)
    assert isinstance(on_disk, np.memmap)
    assert not on_disk.any()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="There is no room for the result"):
        arrays.zeros((4, 5), np.uint16)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"diameter": 20.0, "objects": 9, "certain": True}, "Diameter estimated: 20 pixels."),
        ({"diameter": 20.0, "objects": 1}, "20 pixels, from a single object."),
        ({"diameter": 20.0, "objects": 3}, "but not for certain: 20 pixels"),
        (
            {"diameter": 20.0, "two_sizes": (10.0, 40.0), "certain": True},
            "two very different sizes, about 10 and 40 pixels",
        ),
        ({}, "No objects were found at any scale"),
    ],
)
def test_an_estimate_says_how_sure_it_is(found, said):
    spec = MODEL.spec.model_copy(update={"diameter": 20.0})
    sizing = estimated(IMAGE, spec, SegmentOptions(), DiameterEstimate(**found))
    assert said in " ".join(sizing.notes)
    assert sizing.diameter == found.get("diameter")


def test_without_objects_no_scale_is_taken_that_would_multiply_the_work():
    spec = MODEL.spec.model_copy(update={"diameter": 20.0, "pixel_size": (0.01, 0.01)})
    image = Image(IMAGE.data, "YX", {"Y": 1.0, "X": 1.0}, "micrometer")
    sizing = estimated(image, spec, SegmentOptions(), DiameterEstimate())
    assert "the image is not rescaled" in sizing.notes[0]
    assert not sizing.factors
    # of membranes there are no objects to be found
    membranes = DiameterEstimate(membranes=True)
    assert not estimated(image, spec, SegmentOptions(), membranes).notes


def test_an_error_that_is_no_lack_of_memory_is_none_of_a_single_image(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGE.data)
    tasks = [Task(path, tmp_path / "out.tif")]
    causes = iter([RuntimeError("DefaultCPUAllocator: can't allocate"), RuntimeError("a bug")])

    def failing(*_, **__):
        yield Progress(0, 1)
        raise next(causes)

    monkeypatch.setattr("napari_unet.services.segmentation.batch._segment_file", failing)
    (outcome,) = finish(segment_files(tasks, MODEL, SegmentOptions(**FIXED)))
    assert "memory" in str(outcome.error)
    with pytest.raises(RuntimeError, match="a bug"):
        finish(segment_files(tasks, MODEL, SegmentOptions(**FIXED)))


def test_by_blocks_only_labels_are_written(tmp_path):
    task = Task(tmp_path / "a.tif", tmp_path / "out.zarr", probabilities=tmp_path / "p.tif")
    with pytest.raises(UserError, match="By blocks, only labels are written"):
        finish(segment_files_by_blocks([task], MODEL, SegmentOptions()))


def test_a_changed_or_missing_image_has_another_stamp(tmp_path):
    path = tmp_path / "a.tif"
    source = Source(path=str(path))
    assert source.stamp() == []
    path.write_bytes(b"one")
    first = source.stamp()
    path.write_bytes(b"other")
    assert source.stamp() != first
    # the time of a folder changes as labels are added
    (tmp_path / "a.zarr").mkdir()
    assert Source(path=str(tmp_path / "a.zarr" / "0")).stamp() == []


@pytest.mark.parametrize(
    ("before", "now", "meaning"),
    [
        ({"task": "objects", "out_channels": 3}, {"task": "objects", "out_channels": 3}, "objects"),
        ({"classes": ("cell",)}, {"classes": ("cell",)}, "classes"),
        ({"classes": ("cell",)}, {"classes": ("nucleus",)}, "foreground"),
        ({"classes": ("cell",)}, {"task": "objects", "out_channels": 3}, "foreground"),
    ],
)
def test_networks_are_compared_by_what_both_tell(before, now, meaning):
    def network(out_channels=1, **spec):
        config = UNetConfig.classic(base=2, depth=1, out_channels=out_channels)
        return model_of(config, **{"activation": "sigmoid", **spec})

    job = compare(IMAGE, network(**before), network(**now), SegmentOptions(**FIXED))
    assert finish(job).meaning == meaning
