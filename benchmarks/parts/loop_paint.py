"""How long strokes take with our panels beside napari alone: two windows, a process each, in turn."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from parts.loop_window import (
    SIDE,
    canvas_of,
    crop_of_time_lapse,
    no_plugin,
    pause,
    plain_paint,
    rest,
    stroke,
    until,
    window,
)

if TYPE_CHECKING:
    import argparse

WINDOW = 1380, 860
CANVAS = 560, 700
STEPS = 3
"""Of a training, after which painting during it begins."""
BLOCK = 10
"""Strokes in one window before as many in the other."""
SETTINGS = {"steps": 100_000, "minutes": None, "patience": 1000, "patch": 64, "batch": 1}
"""Settings of a training that does not end by itself, in quick steps."""


def paint(options: argparse.Namespace) -> dict[str, float]:
    """Paint in both windows in turn; then again while one of them trains."""
    with Window("alone", options.data) as alone, Window("ours", options.data) as ours:
        sizes = [each.ask("canvas") for each in (alone, ours)]
        if sizes[0] != sizes[1]:
            raise SystemExit(f"the windows differ, their strokes can't be compared: {sizes}")
        blocks = max(options.strokes // BLOCK, 1)
        idle = in_turn(alone, ours, blocks)
        print(
            "  strokes alone and ours: {:.1f} ms, {:.1f} ms; now training".format(*idle), flush=True
        )
        ours.ask("train")
        busy = in_turn(alone, ours, blocks)
        steps = ours.ask("stop")
    return {
        "ms a stroke, napari alone": idle[0],
        "ms a stroke, panels open and journal on": idle[1],
        "panels open and journal on: times napari alone (goal: 1.1)": idle[1] / idle[0],
        "ms a stroke, training": busy[1],
        "training: times napari alone": busy[1] / idle[0],
        "training: times napari alone beside the same training": busy[1] / busy[0],
        "steps trained meanwhile": steps,
    }


def in_turn(alone: Window, ours: Window, blocks: int) -> tuple[float, float]:
    """Return the medians of both, in milliseconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for seed in range(blocks):
        # who is first takes turns too, and both paint the same strokes
        order = ((0, alone), (1, ours)) if seed % 2 else ((1, ours), (0, alone))
        for i, each in order:
            times[i].extend(each.ask(f"paint {seed}"))
    return statistics.median(times[0]), statistics.median(times[1])


class Window:
    """A window in a process of its own, which does what it is told."""

    def __init__(self, kind: str, data: Path) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "parts.loop_paint", kind]
        self._process = subprocess.Popen(
            [*command, str(data.resolve())],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Window:
        self._answer()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate("end\n")

    def ask(self, words: str) -> Any:
        """Have it do something, and return what comes of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # others may print too
            if line.startswith("= "):
                return json.loads(line[2:])
        raise SystemExit("a window has gone")


def serve(kind: str, data: Path) -> None:
    """Open a window and do what comes in, for ever; the window goes on working meanwhile."""
    told: SimpleQueue[str] = SimpleQueue()
    threading.Thread(
        target=lambda: [told.put(line.strip()) for line in sys.stdin], daemon=True
    ).start()
    with window(plugin=kind == "ours") as (viewer, dock):
        layer = make(viewer, dock, kind, data)
        # whatever is beside it: what is drawn must be the same
        canvas_of(viewer).setFixedSize(*CANVAS)
        # Qt puts the whole window together anew for each drawing, which takes long without a card
        viewer.window._qt_window.setFixedSize(*WINDOW)
        pause(1)
        viewer.reset_view()
        # torch is imported meanwhile, and what the panels find out about the paint
        pause(10)
        answer(None)
        while True:
            until(lambda: not told.empty(), 3600)
            words = told.get()
            if words == "end":
                return
            answer(obey(words, viewer, dock, layer))


def make(viewer: Any, dock: Any, kind: str, data: Path) -> Any:
    """Open the image and a layer to paint on, ours with all panels that have to do with it."""
    viewer.add_image(crop_of_time_lapse(data), name="cells")
    if kind == "alone":
        no_plugin()
        return plain_paint(viewer, (6, SIDE, SIDE))
    dock.session.load("nuclei-fluorescence")
    rest(dock)
    dock.show_page("Fine-tune")
    annotate = dock.show_page("Annotate")
    annotate.source.new_button.click()
    return annotate.annotation.layer


def obey(words: str, viewer: Any, dock: Any, layer: Any) -> Any:
    """Do one thing."""
    verb, *rest_of_it = words.split()
    if verb == "canvas":
        canvas = canvas_of(viewer)
        return [canvas.width(), canvas.height(), canvas.window().width(), canvas.window().height()]
    if verb == "paint":
        # of a window below another one nothing is drawn on the screen, which is quicker
        viewer.window._qt_window.raise_()
        pause(0.5)
        rng = random.Random(int(rest_of_it[0]))
        times = [1000 * stroke(viewer, layer, rng) for _ in range(BLOCK)]
        # the journal and the forms look at it a moment later: not in the other window's time
        pause(1.5)
        return times
    panel = dock.show_page("Fine-tune")
    if verb == "train":
        panel.form.learn_from(viewer.layers["cells"], layer)
        for name, value in SETTINGS.items():
            panel.form.settings[name].value = value
        panel.form.train_button.click()
        until(lambda: bool(dock.session.training and len(dock.session.training.losses) >= STEPS))
        viewer.layers.selection.active = layer
        return None
    training = dock.session.training
    steps = len(training.losses)
    panel.foot.cancel.click()
    rest(dock)
    return steps


def answer(what: Any) -> None:
    print(f"= {json.dumps(what)}", flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
