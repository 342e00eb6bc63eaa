"""Train networks for cells in phase contrast, 2-D, as objects: "cells-phase", "cells-phase-research".

    python training/cells_phase.py [--research] [--data ../shared/data] [--steps N] [-o FILE]

The first learns from sets that may be passed on, the second from all: with --research. Fields, kinds of
cells and later frames are set aside, see sets.py. Diameters run from 9 to 80 pixels: all are learnt at
one, and the scale varies strongly. Both begin with the weights of `nuclei-fluorescence`: outlines, blobs
and what touches are known by then.
"""

from __future__ import annotations

import sys

from recipe import Pretrained, chosen, schedule, train
from sets import SETS, learnt

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.services.library import bundled_folder

OPEN = ("phase-usiigaci",)
RESEARCH = ("phase-deepcell", "phase-u373", "phase-u373-seq01", "phase-psc-silver")
BEGUN = "nuclei-dsb2018"
"""What the network that it begins with has learnt from."""
DIAMETER = 32.0
"""Pixels."""
SEPARATION = 0.4
"""The best of four for images that were learnt from."""


def main() -> None:
    """Train, and write the model file."""
    research = "--research" in sys.argv
    if research:
        sys.argv.remove("--research")
    name = "cells-phase-research" if research else "cells-phase"
    sets = OPEN + RESEARCH if research else OPEN
    options = chosen(__doc__, name, steps=1700)
    train(
        learnt(options.data, sets, DIAMETER),
        Pretrained(
            base=16,
            task="objects",
            name=name,
            weights=bundled_folder() / "nuclei-fluorescence.safetensors",
        ),
        schedule(
            steps=options.steps,
            batch=4,
            patch=128,
            average=0.995,
            border_weight=5.0,
            augment=AugmentOptions(scale=0.5, gamma=0.5, gain=0.4, elastic=8, grid=32, noise=0.15),
            name=name,
        ),
        options.output,
        name=name,
        description="Cells in phase contrast, 2-D, as objects.",
        license=(
            "for research, with citation (data: Cell Tracking Challenge; some without a licence)"
            if research
            else "MIT (data: MIT and CC0)"
        ),
        citation=tuple(dict.fromkeys(SETS[each].citation for each in (*sets, BEGUN))),
        separation=SEPARATION,
        diameter=DIAMETER,
    )


if __name__ == "__main__":
    main()
