"""Train the model "nuclei-fluorescence": nuclei in fluorescence images, 2-D, as objects.

    python training/nuclei_2d.py [--data ../shared/data] [--steps N] [-o FILE]

Images are those of BBBC038v1 in ../shared/data/nuclei-dsb2018. TEST of them, drawn by a seeded rule,
are set aside before anything else, to judge the model by: no choice is made with them. It is trained
twice, the second time with more weight on pixels between nuclei that are close. An interrupted training
goes on when the command is given again.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import tifffile
from recipe import chosen, train

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.adapt import NewModel
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from pathlib import Path

NAME = "nuclei-fluorescence"
TEST = 80
"""Images that are set aside."""
BLANK = NewModel(base=16, task="objects", normalization=Normalization(kind="percentile"), name=NAME)
FIRST = FinetuneOptions(
    steps=6000,
    minutes=None,
    batch=8,
    patch=128,
    learning_rate=2e-3,
    average=0.995,
    border_weight=0,
    held_out=0.003,
    patience=1000,
    augment=AugmentOptions(scale=0.4, gamma=0.4),
    name=NAME,
)
SECOND = FIRST.model_copy(
    update={"steps": 3000, "learning_rate": 1e-3, "border_weight": 3.0, "held_out": 0.0, "seed": 1}
)


def split(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the images to train with, and of those set aside."""
    names = sorted(path.name for path in (folder / "images").iterdir())
    aside = set(random.Random("nuclei-fluorescence").sample(names, TEST))
    return [name for name in names if name not in aside], sorted(aside)


def annotation(folder: Path, name: str) -> Annotation:
    """Return an image and its nuclei."""
    image = Image(tifffile.imread(folder / "images" / name), "YX", name=name)
    return Annotation(image, tifffile.imread(folder / "masks" / name).astype("int32"), "objects")


def main() -> None:
    """Train, and write the model file."""
    options = chosen(__doc__, NAME, steps=FIRST.steps)
    folder = options.data / "nuclei-dsb2018"
    learnt = [annotation(folder, name) for name in split(folder)[0]]
    before = options.output.with_stem(f"{options.output.stem}-first")
    first = train(learnt, BLANK, FIRST.model_copy(update={"steps": options.steps}), before)
    train(
        learnt,
        first,
        SECOND.model_copy(update={"steps": max(options.steps // 2, 1)}),
        options.output,
        name=NAME,
        description="Nuclei in fluorescence images, 2-D, told apart where they touch.",
        license="CC0-1.0 (data: BBBC038v1, CC0)",
        citation=("Caicedo et al. 2019, Nature Methods, 10.1038/s41592-019-0612-7",),
    )


if __name__ == "__main__":
    main()
