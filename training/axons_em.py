"""Train the model "axons-em": axon and myelin in scanning electron micrographs, 2-D, as classes.

    python training/axons_em.py [--data ../shared/data] [--steps N] [-o FILE]

Fields are those of em-axon-sem (spinal cord of rats). Two of the six rats are set aside, see sets.py.
"""

from __future__ import annotations

from recipe import chosen, schedule, train
from sets import SETS, learnt

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.model.adapt import NewModel

NAME = "axons-em"
LEARNT = "em-axon-sem"


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=900)
    train(
        learnt(options.data, (LEARNT,)),
        NewModel(base=16, classes=("myelin", "axon"), name=NAME),
        schedule(
            steps=options.steps,
            batch=4,
            patch=128,
            average=0.99,
            augment=AugmentOptions(scale=0.4, gamma=0.5, gain=0.4, brightness=0.4),
            name=NAME,
        ),
        options.output,
        name=NAME,
        description="Axons and myelin in scanning electron micrographs (SEM), 2-D, pixel by pixel.",
        license="MIT (data)",
        citation=(SETS[LEARNT].citation,),
        # rings and what they hold have sizes of all kinds: images are shown as they are
        diameter=None,
    )


if __name__ == "__main__":
    main()
