"""How long the window stands still: opening widgets, loading, segmenting, cancelling, fine-tuning.

    python benchmarks/responsiveness.py [--size 2048] [--base 32] [--runs 3] [--json FILE] [--check]

A timer of the main thread fires every 5 ms; a longer gap is time in which the window did not answer.
It wants a display (on Linux, `xvfb-run` will do) and a machine with nothing else to do. What napari
needs to add a layer is reported by itself; "napari alone" is the same without the plugin, in a second
viewer when everything has been used once. Each run has a process of its own. With `--check`, the exit
status tells whether the best of the runs kept within `LIMITS_MS`; use a smaller image for that, as in
`--check --size 768 --base 16 --runs 4`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN = "napari-unet-studio"
FAST_STEPS = 20_000
LIMITS_MS = {
    "open Load U-Net": 200,
    "import torch": 200,
    "open Segment": 200,
    "segment": 100,
    "preview": 100,
    "open Fine-tune": 200,
    "train, to the second check": 100,
    "train while painting": 100,
    "stop and keep the best": 100,
    "a job of 20 000 quick steps": 100,
}
"""Longest stall of each phase that `--check` accepts."""
CANCEL_LIMIT_MS = 1000
"""Longest time from *Cancel* to the end of the job that `--check` accepts."""
Phases = dict[str, dict[str, float]]


def main() -> None:
    options = arguments()
    if options.once:
        Path(options.json).write_text(json.dumps(run(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        runs = [apart(options, Path(folder) / f"{i}.json") for i in range(options.runs)]
    report = summary(runs)
    show(report, options)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1))
    if options.check:
        check(runs)


def check(runs: list[Phases]) -> None:
    """Leave with a message where even the best run exceeds a limit."""
    best = {name: min(run[name]["worst, ms"] for run in runs) for name in LIMITS_MS}
    too_long = {name: ms for name, ms in best.items() if ms > LIMITS_MS[name]}
    cancel = min(run["cancel"]["took, ms"] for run in runs)
    if cancel > CANCEL_LIMIT_MS:
        too_long["cancel"] = cancel
    if too_long:
        raise SystemExit("Too long: " + ", ".join(f"{k} {ms:.0f} ms" for k, ms in too_long.items()))


def apart(options: argparse.Namespace, result: Path) -> Phases:
    """One run in a fresh process, where nothing is imported yet."""
    command = [sys.executable, "-W", "ignore", __file__, "--once", "--json", str(result)]
    subprocess.run([*command, "--size", str(options.size), "--base", str(options.base)], check=True)
    found: Phases = json.loads(result.read_text())
    return found


def run(options: argparse.Namespace) -> Phases:
    """One viewer from its opening to its end, with a library of its own."""
    import napari
    import numpy as np

    place = "napari_unet.services.library.user_data_path"
    image = np.random.default_rng(0).integers(0, 255, (options.size,) * 2, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder, patch(place, lambda *_, **__: Path(folder)):
        viewer = napari.Viewer()
        viewer.add_image(image, name="image")
        wait(lambda: False, 1.5)
        if "torch" in sys.modules:
            raise SystemExit("opening napari has imported torch")
        phases: Phases = {}
        load, panel = open_panels(viewer, phases)
        save_network(Path(folder), options.base)
        use_panels(viewer, load, panel, phases)
        run_fast_job(panel.session.jobs, phases)
        use_finetune(viewer, phases)
        viewer.close()
        napari_alone(image, phases)
    return phases


def open_panels(viewer: Any, phases: Phases) -> tuple[Any, Any]:
    """Open both widgets, as the menus do, and wait for torch."""
    add = viewer.window.add_plugin_dock_widget
    with recording(phases, "open Load U-Net"):
        _, load = add(PLUGIN, "Load U-Net")
        wait(lambda: False, 0.3)
    with recording(phases, "import torch"):
        wait(lambda: not importing(), 60)
    with recording(phases, "open Segment"):
        _, panel = add(PLUGIN, "Segment", tabify=True)
        wait(lambda: False, 0.3)
    return load, panel


def use_panels(viewer: Any, load: Any, panel: Any, phases: Phases) -> None:
    """Load, segment, preview, segment again and cancel."""
    jobs = panel.session.jobs
    with recording(phases, "load a model"):
        load.load_text("benchmark")
        wait(lambda: panel.session.model is not None, 60)
        wait(lambda: False, 1.0)
    with recording(phases, "press Segment (napari adds a layer)"):
        panel.segment_button.click()
    with recording(phases, "segment"):
        wait(lambda: not jobs.running, 600)
    wait(lambda: False, 1.0)
    getattr(viewer, "scene", viewer).camera.zoom *= 4
    wait(lambda: False, 0.5)
    with recording(phases, "press Preview (napari adds a layer)"):
        panel.preview_button.click()
    with recording(phases, "preview"):
        wait(lambda: not jobs.running, 600)
    wait(lambda: False, 1.0)
    panel.segment_button.click()
    wait(lambda: False, min(2.0, phases["segment"]["took, ms"] / 3000))
    with recording(phases, "cancel"):
        panel.foot.cancel.click()
        wait(lambda: not jobs.running, 60)


def run_fast_job(jobs: Any, phases: Phases) -> None:
    """Run a job whose steps come faster than the window can show them."""
    from napari_unet.core.progress import Progress

    steps = (Progress(i, FAST_STEPS) for i in range(FAST_STEPS))
    with recording(phases, "a job of 20 000 quick steps"):
        jobs.start("counting", steps)
        wait(lambda: not jobs.running, 60)


def use_finetune(viewer: Any, phases: Phases) -> None:
    """Paint, train, paint again while it trains, stop, keep."""
    with recording(phases, "open Fine-tune"):
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Fine-tune", tabify=True)
        wait(lambda: False, 0.5)
    pair = panel.form.pairs.first
    pair.image.layers.choose(viewer.layers["image"])
    with recording(phases, "press New paint layer (napari adds a layer)"):
        pair.new_button.click()
        wait(lambda: False, 0.5)
    layer = pair.labels.layer
    for row in range(20, 200, 20):
        stroke(layer, row, 1 + row // 20 % 2)
    wait(lambda: False, 3.0)
    jobs = panel.session.jobs
    panel.form.settings.patch.value = 64
    with recording(phases, "preview augmentation (napari adds 2 layers)"):
        panel.form.preview_button.click()
        wait(lambda: not jobs.running, 60)
        wait(lambda: False, 0.5)
    panel.form.train_button.click()
    with recording(phases, "train, to the second check"):
        wait(lambda: panel.session.training and len(panel.session.training.checks) >= 2, 600)
    with recording(phases, "train while painting"):
        for row in range(30, 200, 20):
            stroke(layer, row, 1 + row // 20 % 2)
            wait(lambda: False, 0.5)
    with recording(phases, "stop and keep the best"):
        panel.stop_button.click()
        wait(lambda: not jobs.running, 60)
        wait(lambda: False, 0.5)


def napari_alone(image: Any, phases: Phases) -> None:
    """Have napari do the same without the plugin."""
    import napari
    import numpy as np
    from qtpy.QtWidgets import QWidget

    viewer = napari.Viewer()
    viewer.add_image(image)
    wait(lambda: False, 1.5)
    with recording(phases, "napari alone: dock an empty widget"):
        viewer.window.add_dock_widget(QWidget(), name="empty")
        wait(lambda: False, 0.5)
    with recording(phases, "napari alone: add a labels layer"):
        viewer.add_labels(np.zeros_like(image))
        wait(lambda: False, 0.5)
    with recording(phases, "napari alone: add an image layer"):
        viewer.add_image(image[:536, :1048])
        wait(lambda: False, 0.5)
    viewer.close()


def stroke(layer: Any, row: int, label: int) -> None:
    """Paint one as the brush does, but at once."""
    layer.selected_label = label
    for column in range(20, 100, 4):
        layer.paint((row, column), label, refresh=column == 96)


class recording:  # noqa: N801 - reads as a statement
    """Note the stalls of a block under a name."""

    def __init__(self, phases: Phases, name: str) -> None:
        from parts.stalls import StallRecorder

        self.phases, self.name, self.recorder = phases, name, StallRecorder()

    def __enter__(self) -> None:
        self.start = time.perf_counter()
        self.recorder.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.recorder.__exit__(*error)
        gaps = sorted(1000 * gap for gap in self.recorder.gaps)
        self.phases[self.name] = {
            "took, ms": 1000 * (time.perf_counter() - self.start),
            "99 %, ms": gaps[round(0.99 * (len(gaps) - 1))],
            "worst, ms": gaps[-1],
        }


def wait(done: Callable[[], bool], seconds: float) -> None:
    """Let the event loop run until something is done, or for so long."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop, poll = QEventLoop(), QTimer()
    poll.timeout.connect(lambda: done() and loop.quit())
    poll.start(10)
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def importing() -> bool:
    from napari_unet.gui.session.responsiveness import torch_ready

    return next(torch_ready(), None) is not None


def save_network(folder: Path, base: int) -> None:
    """Put a network with random weights into the library."""
    import torch

    from napari_unet.core.model.file import save_model
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.unet.config import UNetConfig
    from napari_unet.core.unet.network import UNet

    torch.manual_seed(0)
    config = UNetConfig.classic(base=base, depth=4, out_channels=2)
    spec = ModelSpec(name="benchmark", config=config)
    (folder / "models").mkdir()
    save_model(Model(spec, UNet(config).eval()), folder / "models" / "benchmark.safetensors")


def summary(runs: list[Phases]) -> Phases:
    """Medians of the runs, and the worst stall of all."""
    report: Phases = {}
    for name, row in runs[0].items():
        report[name] = {key: statistics.median(r[name][key] for r in runs) for key in row}
        report[name]["worst of all runs, ms"] = max(r[name]["worst, ms"] for r in runs)
    return report


def show(report: Phases, options: argparse.Namespace) -> None:
    print(
        f"{options.size}² image, base {options.base}, depth 4, {options.runs} run(s), medians, ms"
    )
    print(f"{'':43}{'took':>8}{'99 % of gaps':>15}{'worst':>8}{'worst of all':>15}")
    for name, row in report.items():
        took, most, worst, worst_of_all = row.values()
        print(f"{name:43}{took:8.0f}{most:15.0f}{worst:8.0f}{worst_of_all:15.0f}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--base", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", default="")
    parser.add_argument("--check", action="store_true", help="fail where a limit is exceeded")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
