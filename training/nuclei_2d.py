"""Train a model "nuclei-fluorescence": nuclei in fluorescence images, 2-D, as objects.

    python training/nuclei_2d.py [--data ../shared/data] [--steps N] [-o FILE]

Images are those of BBBC038v1 in ../shared/data/nuclei-dsb2018. TEST of them, drawn by a seeded rule,
are set aside before anything else, to judge the model by: no choice is made with them. An interrupted
training goes on when the command is given again.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import tifffile
from tqdm import tqdm

from napari_unet.core.annotations import Annotation
from napari_unet.core.augment import AugmentOptions
from napari_unet.core.axes import Image
from napari_unet.core.checkpoint import save_model
from napari_unet.core.initial import Blank
from napari_unet.core.model import Model
from napari_unet.core.normalize import Normalization
from napari_unet.services.finetune import FinetuneOptions, ResultSoFar, finetune

NAME = "nuclei-fluorescence"
TEST = 80
"""Images that are set aside."""
CARD = {
    "name": NAME,
    "description": "Nuclei in fluorescence images, 2-D, told apart where they touch.",
    "license": "CC0-1.0 (data: BBBC038v1, CC0)",
    "citation": ("Caicedo et al. 2019, Nature Methods, 10.1038/s41592-019-0612-7",),
}


def split(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the images to train with, and of those set aside."""
    names = sorted(path.name for path in (folder / "images").iterdir())
    aside = set(random.Random("nuclei-fluorescence").sample(names, TEST))
    return [name for name in names if name not in aside], sorted(aside)


def main() -> None:
    """Train, and write the model file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--steps", type=int, default=6000)
    arguments.add_argument("-o", "--output", type=Path, default=Path(f"{NAME}.safetensors"))
    chosen = arguments.parse_args()
    folder = chosen.data / "nuclei-dsb2018"
    annotations = [
        Annotation(
            Image(tifffile.imread(folder / "images" / name), "YX", name=name),
            tifffile.imread(folder / "masks" / name).astype("int32"),
            "objects",
        )
        for name in split(folder)[0]
    ]
    blank = Blank(
        base=16, task="objects", normalization=Normalization(kind="percentile"), name=NAME
    )
    options = FinetuneOptions(
        steps=chosen.steps,
        minutes=None,
        batch=8,
        patch=128,
        learning_rate=2e-3,
        average=0.995,
        held_out=0.003,
        patience=1000,
        augment=AugmentOptions(scale=0.4, gamma=0.4),
        name=NAME,
    )
    job = finetune(annotations, blank, options, state=chosen.output.with_suffix(".training"))
    with tqdm(total=chosen.steps) as bar:
        while True:
            try:
                step = next(job)
            except StopIteration as stop:
                result = stop.value
                break
            bar.update(step.done - bar.n)
            if isinstance(step, ResultSoFar):
                bar.write(f"step {step.done:.0f}: {step.metrics}")
    model = result.model
    save_model(Model(model.spec.model_copy(update=CARD), model.network), chosen.output)


if __name__ == "__main__":
    main()
