"""Kill a training at random moments: what is lost, and whether it comes to the same result.

    python benchmarks/kill.py [--kills 20]

A training from scratch on a synthetic image, saved every second, is killed by SIGKILL again and again
and started anew each time, until it has been killed often enough; then it runs to its end. Beside it the
same training runs without interruption. Reported: the seconds of training that each kill cost beyond
the last save, whether the state could be read after each, and whether the weights are the same.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch

from napari_unet.core.model.file import load_model
from napari_unet.core.training.state import read_status

STEPS, EVERY = 1500, 1.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=20)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), chosen.kills)


def _measure(folder: Path, kills: int) -> None:
    _paint(folder)
    whole, killed = folder / "whole.safetensors", folder / "killed.safetensors"
    subprocess.run(_command(folder, whole), check=True, stdout=subprocess.DEVNULL)
    state = killed.with_suffix(".training")
    rng, lost, before = random.Random(0), [], 0.0
    while len(lost) < kills:
        wait = rng.uniform(0.2, 3.0)
        with subprocess.Popen(_command(folder, killed), stdout=subprocess.DEVNULL) as process:
            began = _training_began(state, before, process)
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            ran = time.monotonic() - began
        status = read_status(state)
        if killed.exists():
            print(f"the training ended after {len(lost)} kills: take more steps")
            break
        assert status is not None, "the state was lost"
        lost.append(max(ran - (status.seconds - before), 0.0))
        before = status.seconds
    subprocess.run(_command(folder, killed), check=True, stdout=subprocess.DEVNULL)
    one, other = (load_model(path).network.state_dict() for path in (whole, killed))
    same = all(torch.equal(one[name], other[name]) for name in one)
    print(f"{len(lost)} kills, a save every {EVERY:g} s: lost at most {max(lost):.2f} s, ", end="")
    print(f"{np.median(lost):.2f} s in the median; no file was lost")
    print(f"weights equal to those of the uninterrupted training: {same}")


def _training_began(state: Path, before: float, process: subprocess.Popen[bytes]) -> float:
    """Wait until the first save of this run, and return when its first step must have been."""
    while process.poll() is None:
        status = read_status(state)
        if status is not None and status.seconds > before:
            return time.monotonic() - (status.seconds - before)
        time.sleep(0.02)
    return time.monotonic()


def _paint(folder: Path) -> None:
    squares = sum(np.indices((128, 128)) // 16) % 2 == 0
    noise = np.random.default_rng(0).normal(0, 20, squares.shape)
    paint = np.zeros(squares.shape, np.uint8)
    paint[8::16] = 1 + squares[8::16]
    paint[:, ::16] = 0
    tifffile.imwrite(folder / "image.tif", (60 + 100 * squares + noise).clip(0, 255).astype("u1"))
    tifffile.imwrite(folder / "paint.tif", paint)


def _command(folder: Path, output: Path) -> list[str]:
    words = ["finetune", "--images", folder / "image.tif", "--labels", folder / "paint.tif"]
    words += ["--kind", "scribbles", "--base", 4, "--depth", 2, "--patch", 64, "--steps", STEPS]
    words += ["--minutes", 0, "--option", f"save_every={EVERY}", "--option", "patience=1000"]
    words += ["--device", "cpu", "--precision", "float32", "-o", output]
    return [sys.executable, "-m", "napari_unet", *map(str, words)]


if __name__ == "__main__":
    main()
