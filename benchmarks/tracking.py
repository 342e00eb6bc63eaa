"""How rightly objects are linked through time, on HeLa nuclei that divide.

    python benchmarks/tracking.py [--data ../shared/data] [--seed 0]

`timelapse-hela` has 20 frames and labels by a program, whose numbers are no tracks. For frames 4 to 8
each link was looked at in the image (`parts/hela_links.txt`); five nuclei that can't be told apart by
eye are left out. The labels, numbered at random in each frame, are linked, and compared by the measures
of the Cell Tracking Challenge: LNK for the links alone, TRA with the objects. "Every other frame" links
frames 4, 6 and 8, between which nuclei move twice as far.

"What the network finds" are the same frames, segmented by nuclei-fluorescence and then linked. As in the
challenge, objects that lie within 25 pixels of the edge of the image are left out. The true objects are
those of the program, with its errors: TRA counts where the two differ, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from parts.hela_links import FRAMES, HelaLinks
from parts.tracking_measures import Lineages, TrackingScores, compare

from napari_unet.core.image.axes import Image
from napari_unet.core.model.file import load_model
from napari_unet.core.progress import finish
from napari_unet.core.tracking.track import track
from napari_unet.core.tracking.tracks import renumbered
from napari_unet.services.library import bundled_folder
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.tracking.challenge import segments

BORDER = 25
"""Objects are not counted so near the edge of the image, in pixels (Fluo-N2DL-HeLa)."""
NETWORK = "nuclei-fluorescence"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    folder = chosen.data / "timelapse-hela"
    labels = tifffile.imread(folder / "objects_machine.tif")[FRAMES]
    links = HelaLinks.read()
    labels = links.without_unsure(labels)
    rng = np.random.default_rng(chosen.seed)
    for name, step in (("every frame", 1), ("every other frame", 2)):
        truth = links.lineages(labels, step)
        _report(name, compare(_linked(_shuffled(labels[::step], rng)), truth), truth)
    truth = links.lineages(labels, 1)
    found = _segmented(tifffile.imread(folder / "stack.tif")[FRAMES])
    _report("what the network finds", compare(_linked(_without_border(found)), truth), truth)


def _shuffled(labels: NDArray[np.uint16], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Number the objects of each frame at random."""
    return np.stack([np.append(0, 1 + rng.permutation(frame.max()))[frame] for frame in labels])


def _linked(labels: NDArray[np.integer]) -> Lineages:
    tracks = finish(track(Image(labels, "TYX")))
    numbers, lines = segments(tracks)
    here = [tracks.frame == t for t in range(len(labels))]
    masks = [
        renumbered(frame, tracks.label[rows], numbers[rows], np.dtype(np.uint16))
        for frame, rows in zip(labels, here, strict=True)
    ]
    return Lineages(np.stack(masks), lines)


def _segmented(frames: NDArray[np.uint16]) -> NDArray[np.integer]:
    model = load_model(bundled_folder() / f"{NETWORK}.safetensors")
    options = SegmentOptions(device="cpu", precision="float32")
    return np.asarray(finish(segment(Image(frames, "TYX"), model, options)).labels)


def _without_border(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """Leave out objects that lie only in the border; those that reach out of it stay whole."""
    inside = slice(BORDER, -BORDER)
    kept = [np.where(np.isin(frame, frame[inside, inside]), frame, 0) for frame in labels]
    return np.stack(kept)


def _report(name: str, scores: TrackingScores, truth: Lineages) -> None:
    edges = truth.edges()
    print(
        f"{name}: TRA {scores.tra:.4f}  DET {scores.det:.4f}  LNK {scores.lnk:.4f}"
        f"  ({len(edges)} links, {sum(edges.values()) // 2} divisions)"
    )
    print("  " + ", ".join(f"{n} {what}" for what, n in scores.operations.items()))


if __name__ == "__main__":
    main()
