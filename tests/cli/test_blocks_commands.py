"""`napari-unet plan` and `napari-unet blocks`."""

from __future__ import annotations

import re

import numpy as np
import tifffile
import zarr

from napari_unet.services.files.images import open_labels

FIXED = "--precision", "float32", "--diameter", "20", "--memory", "0.5"


def test_the_plan_says_what_both_ways_take(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 99, (3000, 2500), np.uint8)
    tifffile.imwrite(tmp_path / "slide.tif", pixels)
    words = "--model", "nuclei-broad", *FIXED, "--workers", "2"
    said = run("plan", tmp_path / "slide.tif", *words)
    assert said.exit_code == 0, said.output
    head, once, blocks, workers = said.output.splitlines()
    assert head == "slide: 1 plane of 3,000 × 2,500 pixels, nuclei-broad"
    n = [int(re.search(r"(\d+) (tile|block)s of", line)[1]) for line in (once, blocks)]
    assert min(n) > 1
    for line in (once, blocks, workers):
        assert re.search(r"\d (MiB|GiB) of memory", line)
        assert re.search(r" [\d.]+ (s|min|h)$", line)
    assert "disk" not in once
    assert "of memory each" in workers


def test_a_share_of_no_run_is_refused(run, tmp_path):
    said = run("blocks", tmp_path, "--index", 0, "--of", 2)
    assert said.exit_code == 1
    assert "No run by blocks is waiting there" in said.output


def pyramid(path, pixels):
    """Write an image and a level of half its size."""
    root = zarr.open_group(str(path), mode="w", zarr_format=3)
    levels = []
    for name, step in (("0", 1), ("1", 2)):
        root.create_array(name, data=pixels[::step, ::step], chunks=(64, 64))
        scale = {"type": "scale", "scale": [0.5 * step] * 2}
        levels.append({"path": name, "coordinateTransformations": [scale]})
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    root.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return path


def test_a_level_is_segmented_whole_and_by_blocks_alike(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 200, (300, 320), np.uint8)
    image = pyramid(tmp_path / "im.zarr", pixels)
    words = "--model", "nuclei-broad", *FIXED, "--level", 1, "--objects"
    for output, way in (("a.tif", ()), ("b.zarr", ("--by-blocks", "--block", 64))):
        said = run("segment", image, "-o", tmp_path / output, *words, *way)
        assert said.exit_code == 0, said.output
    one, other = (open_labels(tmp_path / name) for name in ("a.tif", "b.zarr"))
    assert one.scale == other.scale == {"Y": 1.0, "X": 1.0}
    assert np.array_equal(one.data[...], other.data[...])
    again = run("made-by", tmp_path / "b.zarr")
    assert "level: 1" in again.output
    assert "--level 1" in again.output


def test_what_has_a_result_is_left_out_by_blocks_too(run, tmp_path):
    tifffile.imwrite(tmp_path / "im.tif", np.zeros((64, 64), np.uint8))
    words = "segment", tmp_path / "im.tif", "-o", tmp_path / "out.zarr", "--model", "nuclei-broad"
    assert run(*words, "--by-blocks").exit_code == 0
    before = (tmp_path / "out.zarr" / "zarr.json").stat().st_mtime_ns
    assert "already exists" in run(*words, "--by-blocks").output
    again = run(*words, "--by-blocks", "--skip-existing")
    assert again.exit_code == 0, again.output
    assert "it has a result already" in again.output
    assert (tmp_path / "out.zarr" / "zarr.json").stat().st_mtime_ns == before
