"""Runs by blocks: the same labels as those of the whole, however they are run or stopped."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from block_kit import BLOCKS, OPTIONS, by_blocks
from block_kit import image as image
from block_kit import objects_model as objects_model
from block_kit import whole as whole
from networks import model_of

from napari_unet.core.errors import UserError
from napari_unet.core.file_lock import file_locked
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.blocks.job import BlockOptions, Source
from napari_unet.services.blocks.processes import Processes
from napari_unet.services.blocks.run import segment_by_blocks, work_folder
from napari_unet.services.files.images import open_image, open_labels
from napari_unet.services.files.provenance import read_record
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment


@pytest.mark.parametrize("name", ["out.zarr", "out.tif"])
def test_the_labels_are_those_of_the_whole(image, tmp_path, objects_model, whole, name):
    assert whole.max() > 100
    result = by_blocks(image, tmp_path / name, objects_model)
    found = open_labels(tmp_path / name)
    np.testing.assert_array_equal(found.data[...], whole)
    assert result.objects == whole.max()
    assert read_record(tmp_path / name)["by"] == "segment"
    assert not list(tmp_path.glob(".*"))


def test_classes_of_a_volume_are_those_of_the_whole(tmp_path):
    config = UNetConfig.classic(ndim=3, out_channels=2, base=2, depth=2)
    model = model_of(config, 1, activation="softmax")
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(1).normal(size=(18, 20, 30)).astype(np.float32)
    tifffile.imwrite(path, pixels, metadata={"axes": "ZYX"})
    for objects in (False, True):
        options = SegmentOptions(objects=objects, precision="float32", smallest=2)
        by_blocks(path, tmp_path / "o.zarr", model, options, BlockOptions(block=16), overwrite=True)
        labels = finish(segment(open_image(path), model, options)).labels
        np.testing.assert_array_equal(open_labels(tmp_path / "o.zarr").data[...], labels)


def test_a_run_that_is_stopped_anywhere_goes_on_with_the_same_result(
    image, tmp_path, objects_model, whole
):
    output, steps = tmp_path / "out.zarr", 0
    while not output.exists():
        job = segment_by_blocks(Source(path=str(image)), output, objects_model, OPTIONS, BLOCKS)
        try:
            for _ in range(50):
                next(job)
        except StopIteration:
            break
        job.close()
        steps += 1
    assert steps > 1
    np.testing.assert_array_equal(open_labels(output).data[...], whole)


def test_other_thresholds_do_not_run_the_network_again(image, tmp_path, objects_model):
    output = tmp_path / "out.zarr"
    job = segment_by_blocks(Source(path=str(image)), output, objects_model, OPTIONS, BLOCKS)
    while not (work_folder(output) / "labels" / "2.npz").exists():
        next(job)
    job.close()
    kept = (work_folder(output) / "outputs" / "1.npz").stat().st_mtime_ns
    options = OPTIONS.model_copy(update={"threshold": 0.3})
    job = segment_by_blocks(Source(path=str(image)), output, objects_model, options, BLOCKS)
    while not (work_folder(output) / "pieces" / "0.npz").exists():
        next(job)
    assert (work_folder(output) / "outputs" / "1.npz").stat().st_mtime_ns == kept
    finish(job)
    labels = finish(segment(open_image(image), objects_model, options)).labels
    np.testing.assert_array_equal(open_labels(output).data[...], labels)


def test_workers_that_die_are_replaced(image, tmp_path, objects_model, whole):
    engine = Processes(1)
    output = tmp_path / "out.zarr"
    job = segment_by_blocks(
        Source(path=str(image)), output, objects_model, OPTIONS, BLOCKS, engine=engine
    )
    killed = False
    for step in job:
        if not killed and step.done > 0.2:
            engine._workers[0].process.kill()
            killed = True
    assert killed
    np.testing.assert_array_equal(open_labels(output).data[...], whole)


def test_a_block_that_fails_is_named_and_the_rest_is_kept(
    image, tmp_path, objects_model, whole, monkeypatch
):
    from napari_unet.services.blocks import tasks

    output, real = tmp_path / "out.zarr", tasks._outputs

    def failing(work, index):
        if index == 5:
            raise UserError("The block is damaged", rule="It must not be.", remedy="Copy it.")
        return real(work, index)

    monkeypatch.setattr(tasks, "_outputs", failing)
    with pytest.raises(UserError, match=r"1 block could not .* block 1 \(Z=1 Y=0:64, X=64:100\)"):
        by_blocks(image, output, objects_model)
    assert not output.exists()
    assert len(list((work_folder(output) / "outputs").glob("*.npz"))) == 7
    monkeypatch.undo()
    by_blocks(image, output, objects_model)
    np.testing.assert_array_equal(open_labels(output).data[...], whole)


def test_a_full_disk_stops_the_run_and_what_is_done_is_kept(
    image, tmp_path, objects_model, whole, monkeypatch
):
    from napari_unet.services.blocks import tasks

    output, real = tmp_path / "out.zarr", tasks._pieces

    def full(work, index):
        if index == 3:
            raise OSError(28, os.strerror(28))
        real(work, index)

    monkeypatch.setattr(tasks, "_pieces", full)
    with pytest.raises(UserError, match="There is no room"):
        by_blocks(image, output, objects_model)
    monkeypatch.undo()
    assert len(list((work_folder(output) / "outputs").glob("*.npz"))) == 8
    by_blocks(image, output, objects_model)
    np.testing.assert_array_equal(open_labels(output).data[...], whole)


def test_two_runs_do_not_write_one_output(image, tmp_path, objects_model):
    output = tmp_path / "out.zarr"
    folder = work_folder(output)
    with file_locked(folder.with_name(f"{folder.name}.lock")) as free:
        assert free
        with pytest.raises(UserError, match="being written by another run"):
            by_blocks(image, output, objects_model)


def test_parts_that_are_too_large_are_told(image, tmp_path, objects_model):
    cutting = BlockOptions(block=64, largest_part=10)
    result = by_blocks(image, tmp_path / "out.zarr", objects_model, cutting=cutting)
    assert any("left as one" in note for note in result.notes)


def test_what_others_have_left_is_not_taken_for_this_run(image, tmp_path, objects_model, whole):
    output = tmp_path / "out.zarr"
    other = OPTIONS.model_copy(update={"mirror": True})
    job = segment_by_blocks(Source(path=str(image)), output, objects_model, other, BLOCKS)
    while not (work_folder(output) / "outputs" / "2.npz").exists():
        next(job)
    job.close()
    by_blocks(image, output, objects_model)
    np.testing.assert_array_equal(open_labels(output).data[...], whole)
