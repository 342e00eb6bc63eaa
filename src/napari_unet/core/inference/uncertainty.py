"""How unsure a network is of each pixel: the entropy of what it says.

A network's outputs answer one question or several. Classes that exclude each other are one question with
as many answers; a probability by itself is a question with two. With the probabilities p of its n
answers, the uncertainty of a question is its Shannon entropy as a share of the largest possible,
``-Σ p log p / log n``; that of a pixel is the mean over its questions. What is called entropy sampling
takes as most informative where this is largest.

Of mirror images (``SegmentOptions.mirror``) the mean of the outputs goes in. The entropy of the mean
counts both where the network is unsure and where it says different things of the same pixel.

Sources: C. E. Shannon, A Mathematical Theory of Communication, 1948; B. Settles, Active Learning
Literature Survey, 2009, section 3.1; G. Wang et al., Aleatoric uncertainty estimation with test-time
augmentation for medical image segmentation, 2019, 10.1016/j.neucom.2019.01.103.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.model.spec import ModelSpec


def question_uncertainty(maps: NDArray[Any], spec: ModelSpec) -> NDArray[np.float32]:
    r"""Return how unsure a network is of each question that its outputs answer.

    Parameters
    ----------
    maps
        (out_channels, \*shape): numbers from 0 to 1, or levels of a byte
        (`to_uint8`), which are exact to about 0.02.
    spec
        The network's description.

    Returns
    -------
    ndarray of float32
        (questions, \*shape), from 0, sure, to 1: all answers are equally likely. With softmax there is
        one question; of objects two, what is foreground and what boundary, as the distance is no
        probability; else one an output.

    Raises
    ------
    UserError
        When there are not as many maps as outputs, or a value is not a number.
    """
    if len(maps) != spec.config.out_channels:
        raise UserError(
            "These are not the outputs of this network",
            value=f"{len(maps)} maps",
            rule=f"{spec.name!r} gives {spec.config.out_channels}: {', '.join(spec.classes)}.",
            remedy="Segment the image with this network.",
        )
    if spec.task == "objects":
        maps = maps[:2]
    if spec.activation == "softmax":
        entropy = sum(_terms(each) for each in maps) / np.float32(log(len(maps)))
        return np.minimum(entropy, np.float32(1))[None]
    return np.stack([np.minimum(_binary(each), np.float32(1)) for each in maps])


def uncertainty(maps: NDArray[Any], spec: ModelSpec) -> NDArray[np.float32]:
    r"""Return how unsure a network is of each pixel.

    Parameters
    ----------
    maps, spec
        As for `question_uncertainty`.

    Returns
    -------
    ndarray of float32
        (\*shape), from 0 to 1.

    Raises
    ------
    UserError
        As there.
    """
    found: NDArray[np.float32] = question_uncertainty(maps, spec).mean(axis=0, dtype=np.float32)
    return found


def _terms(p: NDArray[Any]) -> NDArray[np.float32]:
    """Return -p log p."""
    if p.dtype == np.uint8:
        return np.take(_terms(_UINT8_PROBABILITIES), p)
    p = _probability(p)
    return np.multiply(-p, np.log(np.maximum(p, np.finfo(np.float32).tiny)))


def _binary(p: NDArray[Any]) -> NDArray[np.float32]:
    """Return the uncertainty of a question with two answers."""
    if p.dtype == np.uint8:
        return np.take(_binary(_UINT8_PROBABILITIES), p)
    p = _probability(p)
    both: NDArray[np.float32] = _terms(p) + _terms(1 - p)
    return both / np.float32(log(2))


_UINT8_PROBABILITIES = np.arange(256, dtype=np.float32) / 255


def _probability(p: NDArray[Any]) -> NDArray[np.float32]:
    if not np.isfinite(p).all():
        raise UserError(
            "The network's outputs hold values that are not numbers",
            value=f"{int((~np.isfinite(p)).sum()):,} of {p.size:,}",
            rule="Every probability is a number from 0 to 1.",
            remedy="Segment again with precision 'float32'. If that doesn't help, the model is damaged.",
        )
    return np.clip(p.astype(np.float32, copy=False), 0, 1)
