"""Networks for `verdict.py`: what some real networks find on the nuclei of BBBC038, computed once.

A network that knew nuclei is tuned away on phase contrast, and back on six images of nuclei. On the
way, and beyond its end, lie networks of every quality; with noise on their weights, networks of the
same quality that err elsewhere. What each finds is kept in a folder, so that corrections can be
simulated in seconds.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.image.axes import Image
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.model.spec import Model
from napari_unet.core.progress import finish
from napari_unet.services.library import Library
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions

Labels = NDArray[np.int32]

PARENT = "nuclei-fluorescence"
AWAY_STEPS, BACK_STEPS, BACK_IMAGES = 40, 60, 6
SHARES = (0.0, 0.35, 0.65, 0.8, 1.1, 1.4)
"""How far a network lies on the way from the parent to the network that was tuned away. Tuning keeps
what a network knows, so that networks that know little lie beyond."""
NOISE = {"noise1": 0.02, "noise2": 0.02, "noise3": 0.05, "noise4": 0.05}
"""Standard deviation of the noise, as a fraction of that of each tensor of weights."""
IMAGES = 150
MAX_SIDE = 360


def found_by(
    data: Path, cache: Path
) -> tuple[list[NDArray[np.int32]], dict[str, list[NDArray[np.int32]]]]:
    """Return the true nuclei of each image, and those that each network finds."""
    cache.mkdir(parents=True, exist_ok=True)
    names = image_names(data)
    truths = [_objects(data / "nuclei-dsb2018" / "masks" / name) for name in names]
    found = {}
    for title, model in _networks(data, cache):
        file = cache / f"{title}.npz"
        if not file.is_file():
            labels = [finish(segment(_open(data, name), model())).labels for name in names]
            np.savez_compressed(file, *labels)
            print(f"  {title}: segmented {len(names)} images", flush=True)
        with np.load(file) as stored:
            found[title] = [stored[f"arr_{i}"].astype(np.int32) for i in range(len(names))]
    return truths, found


def image_names(data: Path) -> list[str]:
    """Return the images to judge by: drawn once, small enough to be quick."""
    every = sorted(path.name for path in (data / "nuclei-dsb2018" / "images").iterdir())
    small = []
    for name in random.Random("verdict").sample(every, len(every)):
        with tifffile.TiffFile(data / "nuclei-dsb2018" / "images" / name) as file:
            if max(file.pages[0].shape[:2]) <= MAX_SIDE:
                small.append(name)
        if len(small) == IMAGES + BACK_IMAGES:
            break
    return small[BACK_IMAGES:]


def _networks(data: Path, cache: Path) -> Iterator[tuple[str, object]]:
    parent = finish(Library().load(PARENT))
    away = _tuned(cache / "away.safetensors", parent, _phase(data), AWAY_STEPS)
    for share in SHARES:
        mixed = _mixed(parent, away, share)
        yield f"away{share:.2f}", lambda mixed=mixed: mixed
        for i, (title, noise) in enumerate(NOISE.items()):
            yield f"away{share:.2f}-{title}", lambda m=mixed, n=noise, i=i: _noisy(m, n, i)
    half = _mixed(parent, away, 0.5)
    back = _tuned(cache / "back.safetensors", half, _nuclei(data), BACK_STEPS)
    yield "back", lambda: back
    yield "away", lambda: away


def _tuned(file: Path, parent: Model, annotations: list[Annotation], steps: int) -> Model:
    if not file.is_file():
        options = FinetuneOptions(steps=steps, minutes=None, patch=128, batch=4, held_out=0)
        save_model(finish(finetune(annotations, parent, options)).model, file)
        print(f"  {file.stem}: tuned for {steps} steps", flush=True)
    return load_model(file)


def _phase(data: Path) -> list[Annotation]:
    folder = data / "phase-u373"
    stack = tifffile.imread(folder / "stack.tif")
    files = sorted((folder / "objects").glob("*.tif"))[:4]
    return [
        Annotation(
            Image(stack[int(file.stem[1:])], "YX", name=file.stem), _objects(file), "objects"
        )
        for file in files
    ]


def _nuclei(data: Path) -> list[Annotation]:
    every = sorted(path.name for path in (data / "nuclei-dsb2018" / "images").iterdir())
    kept = set(image_names(data))
    names = [n for n in random.Random("back").sample(every, len(every)) if n not in kept]
    folder = data / "nuclei-dsb2018" / "masks"
    return [
        Annotation(_open(data, name), _objects(folder / name), "objects")
        for name in names[:BACK_IMAGES]
    ]


def _mixed(first: Model, second: Model, share: float) -> Model:
    network = copy.deepcopy(first.network)
    other = second.network.state_dict()
    weights = {
        k: v + share * (other[k] - v) if v.is_floating_point() else v
        for k, v in network.state_dict().items()
    }
    network.load_state_dict(weights)
    return Model(first.spec, network.eval())


def _noisy(model: Model, noise: float, seed: int) -> Model:
    import torch

    network = copy.deepcopy(model.network)
    generator = torch.Generator().manual_seed(seed)
    weights = {
        k: v + noise * v.std() * torch.randn(v.shape, generator=generator)
        if v.is_floating_point() and v.numel() > 1
        else v
        for k, v in network.state_dict().items()
    }
    network.load_state_dict(weights)
    return Model(model.spec, network.eval())


def _open(data: Path, name: str) -> Image:
    return Image(
        tifffile.imread(data / "nuclei-dsb2018" / "images" / name), "YX", name=Path(name).stem
    )


def _objects(path: Path) -> NDArray[np.int32]:
    found: NDArray[np.int32] = tifffile.imread(path).astype(np.int32)
    return found
