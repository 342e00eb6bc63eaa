"""Train the model "nuclei-histology": nuclei in stained tissue, RGB, 2-D, as objects.

    python training/nuclei_histology.py [--data ../shared/data] [--steps N] [-o FILE]

Images are those of histology-dsb2018 and histology-tnbc; whole slides and patients are set aside, see
sets.py. Stains and cameras differ more than tissues do: the intensities of each colour vary strongly.
"""

from __future__ import annotations

from recipe import chosen, schedule, train
from sets import SETS, learnt

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.model.adapt import NewModel

NAME = "nuclei-histology"
LEARNT = ("histology-dsb2018", "histology-tnbc")
DIAMETER = 24.0
"""Pixels; nuclei at 20x to 40x have 16 to 27 of them, some of the first set up to 60."""


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=3000)
    train(
        learnt(options.data, LEARNT, DIAMETER),
        NewModel(channels=3, base=16, task="objects", name=NAME),
        schedule(
            steps=options.steps,
            batch=4,
            patch=128,
            average=0.995,
            border_weight=3.0,
            augment=AugmentOptions(
                scale=0.5, gain=0.5, brightness=0.5, gamma=0.6, background=0.5, noise=0.15
            ),
            name=NAME,
        ),
        options.output,
        name=NAME,
        description="Nuclei in stained tissue (histology, H&E and others), RGB, 2-D, as objects.",
        license="CC-BY-4.0 (data: CC0 and CC BY 4.0)",
        citation=tuple(SETS[name].citation for name in LEARNT),
        channels=("red", "green", "blue"),
        # the best of four for images that were learnt from
        separation=0.3,
        diameter=DIAMETER,
    )


if __name__ == "__main__":
    main()
