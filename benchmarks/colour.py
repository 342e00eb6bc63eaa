"""Which channel of stained tissue a network for fluorescent nuclei should see.

    python benchmarks/colour.py [--data ../shared/data] [--images 12] [--model nuclei-fluorescence]

RGB pieces of tissue (BBBC038v1, CC0; TNBC, CC BY 4.0), spread evenly over each set. For each channel
that can be made of the colours, and for the one that is chosen automatically: AP at IoU 0.5 over all
objects, and what was chosen.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.image.colour import guess_colour_channel
from napari_unet.core.progress import finish
from napari_unet.services.files.images import open_image, open_labels
from napari_unet.services.library import Library
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

SETS = ("histology-dsb2018", "histology-tnbc")
CHANNELS = ("red", "luminance", "inverted", "hematoxylin")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--images", type=int, default=12, help="of each set")
    arguments.add_argument("--model", default="nuclei-fluorescence")
    chosen = arguments.parse_args()
    model = finish(Library().load(chosen.model))
    for name in SETS:
        folder = chosen.data / "more" / name
        every = sorted((folder / "images").iterdir())
        places = np.unique(np.linspace(0, len(every) - 1, chosen.images).astype(int))
        scores = {channel: ObjectScores.zero((0.5,)) for channel in (*CHANNELS, "automatic")}
        guesses: Counter[str] = Counter()
        for path in (every[i] for i in places):
            image = open_image(path)
            true = np.asarray(open_labels(folder / "objects" / path.name).data[...])
            guesses[guess_colour_channel(image)] += 1
            for channel in scores:
                channels = None if channel == "automatic" else (channel,)
                options = SegmentOptions(channels=channels, objects=True)
                labels = finish(segment(image, model, options)).labels
                overlaps = Overlaps.of(np.asarray(labels, np.int64), true.astype(np.int64))
                scores[channel] += ObjectScores.of(overlaps, (0.5,))
        print(f"{name}, {len(places)} images, automatic: {dict(guesses)}")
        for channel, each in scores.items():
            print(f"  {channel:12s} AP50 {each.pooled.ap[0, 0]:.3f}", flush=True)


if __name__ == "__main__":
    main()
