"""Train the model "bacteria": rods like E. coli in phase contrast, 2-D, as objects.

    python training/bacteria.py [--data ../shared/data] [--steps N] [-o FILE]

Two fields of one experiment are learnt; the field of the other one is set aside. What it gave there is
not good enough to be passed on: see benchmarks/RESULTS.md.
"""

from __future__ import annotations

from recipe import chosen, schedule, train
from sets import NO_LICENCE, SETS, learnt

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.model.adapt import NewModel

NAME = "bacteria"
LEARNT = "bacteria-deepcell"
DIAMETER = 25.0
"""Pixels, of a disc as large as a rod; rods are 12 to 14 wide then."""


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=900)
    train(
        learnt(options.data, (LEARNT,), DIAMETER),
        NewModel(base=16, task="objects", name=NAME),
        schedule(
            steps=options.steps,
            batch=4,
            patch=128,
            average=0.99,
            border_weight=5.0,
            augment=AugmentOptions(scale=0.6, gamma=0.6, gain=0.5, blur=2.0, noise=0.15),
            name=NAME,
        ),
        options.output,
        name=NAME,
        description="Rod-shaped bacteria like E. coli in phase contrast, 2-D, as objects.",
        license=NO_LICENCE,
        citation=(SETS[LEARNT].citation,),
        diameter=DIAMETER,
    )


if __name__ == "__main__":
    main()
