"""Train the model "everything": nuclei and cells in images of many kinds, grey, 2-D, as objects.

    python training/everything.py [--data ../shared/data] [--steps N] [-o FILE]

It learns from all sets of planes that may be passed on, colours as luminance, and half of the patches
inverted: a start for tuning to something new, and a first offer where the kind of image is unknown.
"""

from __future__ import annotations

from recipe import chosen, schedule, train
from sets import SETS, learnt

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.model.adapt import NewModel

NAME = "everything"
LEARNT = (
    "nuclei-dsb2018",
    "histology-dsb2018",
    "histology-tnbc",
    "cytology-dsb2018",
    "phase-usiigaci",
)
DIAMETER = 28.0
"""Pixels."""


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=3000)
    train(
        learnt(options.data, LEARNT, DIAMETER, grey=True),
        NewModel(base=16, task="objects", name=NAME),
        schedule(
            steps=options.steps,
            batch=4,
            patch=128,
            average=0.995,
            border_weight=3.0,
            augment=AugmentOptions(scale=0.5, gamma=0.5, gain=0.4, brightness=0.4, invert=0.5),
            name=NAME,
        ),
        options.output,
        name=NAME,
        description="Nuclei and cells in images of many kinds, 2-D, as objects; a start for tuning.",
        license="CC-BY-4.0 (data: CC0, CC BY 4.0 and MIT)",
        citation=tuple(dict.fromkeys(SETS[name].citation for name in LEARNT)),
        diameter=DIAMETER,
    )


if __name__ == "__main__":
    main()
