"""Images and results that don't fit into memory; results that are none."""

import numpy as np
import pytest
import tifffile
from networks import random_image
from painted import blank

from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.services.segmentation import arrays, batch
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.segmentation.tasks import make_tasks

OPTIONS = SegmentOptions(device="cpu", precision="float32")


@pytest.fixture(scope="module")
def model():
    return blank().build()


def test_labels_beyond_memory_go_to_disk(model, monkeypatch):
    image = Image(random_image((3, 40, 50)), "ZYX")
    wanted = finish(segment(image, model, OPTIONS)).labels
    monkeypatch.setattr(arrays, "free_memory", lambda: 1000)
    found = finish(segment(image, model, OPTIONS)).labels
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, wanted)


def run(files, model, existing="refuse"):
    tasks = make_tasks(files, files[0].parent / "out", into_folder=True)
    return finish(batch.segment_files(tasks, model, OPTIONS, existing=existing))


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{name}.tif" for name in "abc"]
    for path in paths:
        tifffile.imwrite(path, random_image((40, 50)))
    return paths


@pytest.mark.parametrize(
    "error",
    [MemoryError("Unable to allocate 9 TiB"), RuntimeError("[..] DefaultCPUAllocator: no memory")],
)
def test_an_image_that_can_not_be_allocated_fails_alone(model, files, monkeypatch, error):
    def short(run):
        if run.image.name == "b":
            raise error
        return (yield from segment(run.image, model, OPTIONS))

    monkeypatch.setattr(batch, "segment_prepared", short)
    outcomes = run(files, model)
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert "Memory does not suffice for b" in str(outcomes[1].error)


def test_an_unfinished_or_strange_file_is_no_result_to_skip(model, files):
    done = [outcome.task.labels for outcome in run(files, model)]
    done[0].write_bytes(done[0].read_bytes()[:60])
    tifffile.imwrite(done[1], np.zeros((9, 9), np.uint8))
    again = run(files, model, "skip")
    assert [outcome.skipped for outcome in again] == [False, False, True]
    assert all(tifffile.imread(path).shape == (40, 50) for path in done)
