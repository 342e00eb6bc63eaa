"""What a maker of a checkpoint returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

Array = np.ndarray


@dataclass
class Made:
    """A network of a package.

    Attributes
    ----------
    network
        The network; its weights are drawn later.
    image
        Channels first, raw pixel values.
    save
        Writes the checkpoint, given the folder and the name.
    preprocess
        The package's own preprocessing.
    """

    network: torch.nn.Module
    image: Array
    save: Callable[[Path, str], None]
    preprocess: Callable[[Array], Array]


def raw_image(*shape: int, top: int = 4096, seed: int = 0) -> Array:
    """Return an image of unsigned 16-bit numbers, with details of all sizes."""
    random = np.random.default_rng(seed)
    channels, *size = shape
    image = np.zeros(shape)
    for scale in (1, 2, 4, 8, 16, 32, 64):
        noise = random.random((channels, *(-(-n // scale) for n in size)))
        for axis in range(1, len(shape)):
            noise = noise.repeat(scale, axis=axis)
        image += noise[(slice(None), *(slice(n) for n in size))]
    image = (image - image.min()) / (image.max() - image.min())
    return (image * (top - 1)).astype(np.uint16)


def saver(
    network: torch.nn.Module, wrap: Callable[[dict], object] = lambda s: s, suffix: str = ".pth"
):
    """Return what saves a state dict, wrapped as a training program does."""

    def save(folder: Path, name: str) -> None:
        torch.save(wrap(network.state_dict()), folder / f"{name}{suffix}")

    return save
