"""Small images with paint, and networks to train on them."""

from __future__ import annotations

import numpy as np

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import NewModel
from napari_unet.services.training.options import FinetuneOptions

SIDE = 64


def checkers(shape=(SIDE, SIDE), seed=0):
    """A noisy chessboard of bright and dark squares of 16 pixels, and which are bright."""
    squares = sum(np.indices(shape[-2:]) // 16) % 2 == 0
    squares = np.broadcast_to(squares, shape)
    noise = np.random.default_rng(seed).normal(0, 20, shape)
    return np.clip(60 + 100 * squares + noise, 0, 255).astype(np.uint8), squares


def scribbled(shape=(SIDE, SIDE), axes="YX", seed=0, **others):
    """The chessboard with a line through every row of squares: 2 on bright, 1 on dark ones."""
    pixels, squares = checkers(shape, seed)
    paint = np.zeros(shape, np.uint8)
    paint[..., 8::16, 1:] = 1 + squares[..., 8::16, 1:]
    # strokes end at the borders of the squares
    paint[..., ::16] = 0
    return Annotation(Image(pixels, axes, name="board"), paint, "scribbles", **others)


def numbered(shape=(SIDE, SIDE), axes="YX", seed=0, **others):
    """The chessboard with every bright square an object of its own."""
    pixels, squares = checkers(shape, seed)
    rows, columns = np.indices(shape[-2:]) // 16
    numbers = np.where(squares, 1 + rows * 100 + columns, 0)
    return Annotation(Image(pixels, axes, name="board"), numbers, "objects", **others)


def blank(**others):
    return NewModel(**{"base": 4, "depth": 2, **others})


def options(**others):
    """Options of a short, reproducible training."""
    given = {"steps": 12, "minutes": None, "device": "cpu", "precision": "float32", "patch": 32}
    return FinetuneOptions(**{**given, "augment": AugmentOptions(strength=0.3), **others})
