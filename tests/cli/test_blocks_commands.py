"""`napari-unet plan` and `napari-unet blocks`."""

from __future__ import annotations

import re

import numpy as np
import tifffile

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
