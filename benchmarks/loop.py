"""The loop correct, tune, compare in a real viewer: clicks, seconds, strokes, and stalls.

    python benchmarks/loop.py [--parts sample tune slider paint stalls] [--runs 3]
                              [--data ../shared/data] [--json FILE]

It wants a display (on Linux, `xvfb-run` will do) and a machine with nothing else to do. Each run of a
part has a process of its own, on two cores. What a person would click is clicked and counted; what is
between the clicks is waited for.

sample
    From the opened sample to a result.
tune
    A real image of 512², segmented by the bundled network and corrected by the labels that come with it.
    From there to what the tuned network finds, on the screen; how both networks do on the whole image,
    and on images of the same kind that neither has seen.
slider
    From a movement of the sliders of *Segment* to the objects found anew, drawn: a plane of 1024².
paint
    The mouse paints in two windows in turn: one with our panels open and the journal on, one of napari
    alone. Then again while the first one trains.
stalls
    The longest time in which the window did not answer, in each state; beside it what napari alone needs
    for the same layers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from parts import loop_paint, loop_slider, loop_stalls, loop_tune

PARTS = {
    "sample": loop_tune.sample,
    "tune": loop_tune.tune,
    "slider": loop_slider.slider,
    "paint": loop_paint.paint,
    "stalls": loop_stalls.stalls,
}
CORES = 2
Figures = dict[str, float]


def main() -> None:
    options = arguments()
    if options.once:
        Path(options.json).write_text(json.dumps(PARTS[options.parts[0]](options)))
        return
    report = {}
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            runs = [apart(options, part, Path(folder) / f"{i}.json") for i in range(options.runs)]
        report[part] = {name: summary([run[name] for run in runs]) for name in runs[0]}
        show(part, report[part], options)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1))


def apart(options: argparse.Namespace, part: str, result: Path) -> Figures:
    """Run a part in a fresh process, on two cores."""
    command = [sys.executable, "-W", "ignore", __file__, "--once", "--parts", part]
    command += [
        "--data",
        str(options.data),
        "--json",
        str(result),
        "--strokes",
        str(options.strokes),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(CORES)}
    if hasattr(os, "sched_getaffinity"):
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:CORES]))
        command = ["taskset", "-c", cores, *command]
    subprocess.run(command, check=True, env=environment)
    found: Figures = json.loads(result.read_text())
    return found


def summary(values: list[float]) -> dict[str, Any]:
    """Return the median of some runs, and their range."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def show(part: str, figures: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
    print(f"\n{part}: {options.runs} run(s), median (least to most)")
    for name, row in figures.items():
        median, least, most = (f"{row[key]:.4g}" for key in ("median", "least", "most"))
        spread = "" if least == most else f"  ({least} to {most})"
        print(f"  {name:66}{median:>8}{spread}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--strokes", type=int, default=60, help="in each window, of a run")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", default="")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
