"""The journal of paint: what a kill costs, how large the file gets, what a stroke takes.

    python benchmarks/journal.py [--kills 20] [--strokes 500] [--size 2048]

It wants a display (on Linux, `xvfb-run` will do).

1. A viewer with *Fine-tune* in it is painted on without a pause and killed by SIGKILL at a random
   moment, again and again. Every other time all is one long stroke, the mouse never let go. Reported:
   how old the oldest stroke was, when it was killed, that its journal does not hold.
2. Strokes with brushes of 10 to 30 pixels, along some ten times the brush. Reported: the size of the
   journal.
3. The same with the journal and without it, in turn. Reported: the time a stroke takes from
   its first dab until the window has answered to it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

CELL = 16
"""Pixels between strokes that must not cover each other."""
DABS = 20
BLOCK = 25
"""Strokes with the journal before as many without it."""
PAUSE_S = 0.02


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--strokes", type=int, default=500)
    arguments.add_argument("--size", type=int, default=2048)
    arguments.add_argument("--paint-in", help=argparse.SUPPRESS)
    arguments.add_argument("--dragging", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.paint_in:
        paint_for_ever(Path(chosen.paint_in), chosen.size, chosen.dragging)
    if chosen.kills:
        measure_kills(chosen.kills, chosen.size)
    if chosen.strokes:
        with tempfile.TemporaryDirectory() as folder:
            measure_strokes(Path(folder), chosen.strokes, chosen.size)


def measure_kills(kills: int, size: int) -> None:
    """Kill a painting viewer at random moments."""
    rng, ages, strokes = random.Random(0), [], 0
    for number in range(kills):
        with tempfile.TemporaryDirectory() as folder:
            age, count = kill_once(Path(folder), size, number % 2 == 1, rng.uniform(1, 8))
            ages.append(age)
            strokes += count
    print(f"{kills} kills, {strokes} strokes on {size}²: ", end="")
    print(
        f"the oldest stroke lost was {max(ages):.2f} s old, {statistics.median(ages):.2f} s", end=""
    )
    print(" in the median")


def kill_once(folder: Path, size: int, dragging: bool, seconds: float) -> tuple[float, int]:
    """Return the age of the oldest stroke that was lost, and how many there were."""
    import numpy as np

    from napari_unet.services.storage.journal_files import JournalFiles

    command = [sys.executable, "-W", "ignore", __file__, "--paint-in", str(folder)]
    command += ["--size", str(size), *(["--dragging"] if dragging else [])]
    log = folder / "strokes"
    with subprocess.Popen(command) as process:
        while not log.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(seconds)
        killed = time.monotonic()
        process.send_signal(signal.SIGKILL)
    times = [float(line) for line in log.read_text().split("\n")[:-1]]
    files = JournalFiles(folder / "journal")
    left = files.restorable()
    paint = files.claim(left[0].path).read().paint if left else np.zeros((size, size), np.uint8)
    lost = [when for i, when in enumerate(times) if not paint[cell(i, size)]]
    return (killed - lost[0] if lost else 0.0), len(times)


def cell(number: int, size: int) -> tuple[int, int]:
    """Return where a stroke goes that covers no other."""
    row, column = divmod(number, size // CELL - 1)
    return (row + 1) * CELL % size, (column + 1) * CELL


def paint_for_ever(folder: Path, size: int, dragging: bool) -> None:
    """Paint in a viewer, and note when each stroke was painted."""
    with viewer_with_paint(folder, size) as (_, layer):
        layer.brush_size = 10
        times = os.open(folder / "strokes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        # as napari does it from pressing the mouse to letting it go
        layer._block_history = dragging
        for number in range(10**6):
            layer.paint(cell(number, size), 1 + number % 2)
            os.write(times, f"{time.monotonic()}\n".encode())
            wait(PAUSE_S)


class viewer_with_paint:  # noqa: N801 - reads as a statement
    """A viewer with an image, the panel and an empty layer of paint; its library is in a folder."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size

    def __enter__(self) -> tuple[Any, Any]:
        import napari
        import numpy as np

        place = "napari_unet.services.library.user_data_path"
        self.place = patch(place, lambda *_, **__: self.folder)
        self.place.start()
        self.viewer = napari.Viewer()
        image = np.random.default_rng(0).integers(0, 255, (self.size,) * 2, dtype=np.uint8)
        self.viewer.add_image(image, name="image")
        add = self.viewer.window.add_plugin_dock_widget
        _, panel = add("napari-unet-studio", "Fine-tune")
        wait(1.0)
        panel.form.pairs.first.new_button.click()
        wait(0.5)
        return panel, panel.form.pairs.first.labels.layer

    def __exit__(self, *error: object) -> None:
        self.viewer.close()
        self.place.stop()


def measure_strokes(folder: Path, strokes: int, size: int) -> None:
    """Paint with the journal and without it, and look at the file."""
    rng = random.Random(0)
    with viewer_with_paint(folder, size) as (panel, layer):
        kept = next(iter(panel.keeper._kept.values()))
        # torch is imported meanwhile
        wait(20.0)
        on, off = [], []
        for _ in range(strokes // BLOCK):
            on += [stroke(layer, rng, size) for _ in range(BLOCK)]
            wait(1.5)
            kept.let_go()
            before = layer.data.copy()
            off += [stroke(layer, rng, size) for _ in range(BLOCK)]
            layer.data[:] = before
            kept.listen()
            wait(1.5)
        (path,) = (folder / "journal").iterdir()
        print(f"{strokes} strokes on {size}²: the journal has {path.stat().st_size / 1e6:.3f} MB")
        for name, what in (("median", statistics.median), ("mean", statistics.fmean)):
            one, other = 1000 * what(on), 1000 * what(off)
            print(f"a stroke takes {one:.1f} ms, without journal {other:.1f} ms ({name}): ", end="")
            print(f"{one / other:.3f} ×")


def stroke(layer: Any, rng: random.Random, size: int) -> float:
    """Paint as the mouse does, drawn from dab to dab, and return the seconds that it takes."""
    layer.brush_size = rng.randint(10, 30)
    label, at = rng.randint(1, 2), [rng.uniform(0, size) for _ in range(2)]
    start = time.perf_counter()
    with layer.block_history():
        for _ in range(DABS):
            to = [x + rng.uniform(-1, 1) * layer.brush_size for x in at]
            layer._draw(label, at, to)
            at = to
    wait(0)
    return time.perf_counter() - start


def wait(seconds: float) -> None:
    """Let the event loop run for so long."""
    from qtpy.QtCore import QEventLoop, QTimer
    from qtpy.QtWidgets import QApplication

    if not seconds:
        QApplication.processEvents()
        return
    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()


if __name__ == "__main__":
    main()
