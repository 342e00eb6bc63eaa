"""The window answers while torch is imported and while a network works, measured in a real viewer.

`benchmarks/responsiveness.py` does the measuring, in a process of its own, where nothing is imported
yet. A machine that does other things too makes the window late through no fault of ours: the best of a
few attempts counts, and where other programs took much of the processor in all of them, a bad result
says nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys

import gui_kit  # noqa: F401 - skips where there is no viewer
import psutil
import pytest
from places import REPOSITORY

BENCHMARK = REPOSITORY / "benchmarks" / "responsiveness.py"
ATTEMPTS = 4
BUSY = 30
"""Percentage of the processor that others take, from which on a measurement is doubtful."""
LIMITS = {  # longest stall in milliseconds; of cancel, how long it takes
    "open Load U-Net": 200,
    "import torch": 200,
    "open Segment": 200,
    "segment": 100,
    "preview": 100,
    "cancel": 1000,
    "open Fine-tune": 200,
    "train, to the second check": 100,
    "train while painting": 100,
    "stop and keep the best": 100,
}


def measure(path):
    """Stalls and durations of one run, which fails by itself if opening napari imports torch."""
    options = ["--size", "768", "--base", "16", "--runs", "1", "--json", str(path)]
    end = subprocess.run(
        [sys.executable, str(BENCHMARK), *options], capture_output=True, text=True, check=False
    )
    assert end.returncode == 0, end.stdout + end.stderr
    return json.loads(path.read_text())


@pytest.mark.alone
def test_the_window_never_stands_still_for_long(tmp_path, record_property):
    best = dict.fromkeys(LIMITS, float("inf"))
    others = []
    for attempt in range(ATTEMPTS):
        others.append(psutil.cpu_percent(interval=1))
        found = measure(tmp_path / f"{attempt}.json")
        others[-1] = max(others[-1], psutil.cpu_percent(interval=1))
        found["cancel"]["worst, ms"] = found["cancel"]["took, ms"]
        best = {phase: min(best[phase], found[phase]["worst, ms"]) for phase in LIMITS}
        too_long = {p: round(ms) for p, ms in best.items() if ms > LIMITS[p]}
        if not too_long:
            break
    for phase, ms in best.items():
        record_property(f"{phase}, ms", round(ms))
    if too_long and min(others) > BUSY:
        pytest.skip(f"other programs kept the processor busy; measured {too_long}")
    assert not too_long


@pytest.mark.parametrize(
    "widget",
    [
        "studio_panel",
        "models_panel",
        "segment_panel",
        "annotate_panel",
        "finetune_panel",
        "batch_panel",
    ],
)
def test_the_widgets_modules_import_no_torch(widget):
    code = f"import napari_unet.gui.{widget}, sys; print('torch' in sys.modules)"
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert end.stdout.strip() == "False"
