"""Train the model "everything": nuclei and cells in images of many kinds, grey, 2-D, as objects.

    python training/everything.py [--data ../shared/data] [--steps N] [-o FILE]

It learns from all sets of planes that may be passed on, colours as luminance, and half of the patches
inverted: a start for tuning to something new, and a first offer where the kind of image is unknown.
It begins with the weights of `nuclei-fluorescence`, whose images are among those it learns from; in the
second part, images of the rarer kinds are taken more often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipe import Pretrained, chosen, schedule, train
from sets import SETS, learnt

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.services.library import bundled_folder

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Annotation

NAME = "everything"
LEARNT = (
    "nuclei-dsb2018",
    "histology-dsb2018",
    "histology-tnbc",
    "cytology-dsb2018",
    "phase-usiigaci",
)
RARE = {
    "histology-dsb2018": 2,
    "histology-tnbc": 3,
    "cytology-dsb2018": 6,
    "phase-usiigaci": 8,
}
"""How often images of a set are taken, for one of the others, in the second part of the training."""
DIAMETER = 28.0
"""Pixels."""
SHARE = 2 / 3
"""Of the steps that the first part takes, which learns from each image as often."""


def main() -> None:
    """Train in two parts, and write the model file."""
    options = chosen(__doc__, NAME, steps=4500)
    first = options.output.with_suffix(".first.safetensors")
    early = round(options.steps * SHARE)
    sets = {name: learnt(options.data, (name,), DIAMETER, grey=True) for name in LEARNT}
    every = [each for some in sets.values() for each in some]
    part(every, bundled_folder() / "nuclei-fluorescence.safetensors", early, first)
    balanced = [each for name, some in sets.items() for each in some * RARE.get(name, 1)]
    part(balanced, first, options.steps - early, options.output)


def part(annotations: list[Annotation], weights: Path, steps: int, output: Path) -> None:
    """Train from some weights on, and write the model file."""
    train(
        annotations,
        Pretrained(base=16, task="objects", name=NAME, weights=weights),
        schedule(
            steps=steps,
            batch=4,
            patch=128,
            average=0.995,
            border_weight=3.0,
            augment=AugmentOptions(scale=0.5, gamma=0.5, gain=0.4, brightness=0.4, invert=0.5),
            name=NAME,
        ),
        output,
        name=NAME,
        description="Nuclei and cells in images of many kinds, 2-D, as objects; a start for tuning.",
        license="CC-BY-4.0 (data: CC0, CC BY 4.0 and MIT)",
        citation=tuple(dict.fromkeys(SETS[name].citation for name in LEARNT)),
        diameter=DIAMETER,
    )


if __name__ == "__main__":
    main()
