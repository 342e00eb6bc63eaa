"""The window answers while torch is imported and while a network works, measured in a real viewer.

`benchmarks/responsiveness.py` does the measuring, in a process of its own, where nothing is imported
yet. A machine that does other things too makes the window late through no fault of ours, so the best
of a few attempts counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gui_kit  # noqa: F401 - skips where there is no viewer
import pytest

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "responsiveness.py"
ATTEMPTS = 4
LIMITS = {
    "open Load U-Net": 200,
    "import torch": 200,
    "open Segment": 200,
    "segment": 100,
    "preview": 100,
}


def measure(path):
    """Stalls and durations of one run; it fails by itself if opening napari imports torch."""
    options = ["--size", "768", "--base", "16", "--runs", "1", "--json", str(path)]
    end = subprocess.run(
        [sys.executable, str(BENCHMARK), *options], capture_output=True, text=True, check=False
    )
    assert end.returncode == 0, end.stdout + end.stderr
    return json.loads(path.read_text())


def test_the_window_never_stands_still_for_long(tmp_path, record_property):
    best = {phase: float("inf") for phase in LIMITS}
    cancelled = float("inf")
    for attempt in range(ATTEMPTS):
        found = measure(tmp_path / f"{attempt}.json")
        best = {phase: min(best[phase], found[phase]["worst, ms"]) for phase in LIMITS}
        cancelled = min(cancelled, found["cancel"]["took, ms"])
        if all(best[phase] <= limit for phase, limit in LIMITS.items()):
            break
    for phase, stall in best.items():
        record_property(f"worst stall: {phase}, ms", round(stall))
    too_long = {p: round(stall) for p, stall in best.items() if stall > LIMITS[p]}
    assert not too_long
    assert cancelled < 1000


@pytest.mark.parametrize("widget", ["models_panel", "segment_panel"])
def test_the_widgets_modules_import_no_torch(widget):
    code = f"import napari_unet.gui.{widget}, sys; print('torch' in sys.modules)"
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert end.stdout.strip() == "False"
