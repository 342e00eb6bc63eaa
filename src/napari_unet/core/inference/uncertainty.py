"""How uncertain a network is of each pixel: the entropy of its outputs.

The outputs of a network answer one question or several. Classes that exclude each other are one question
with as many answers; a probability by itself is a question with two. With the probabilities p of its n
answers, the uncertainty of a question is its Shannon entropy as a fraction of the largest possible one,
``-Σ p log p / log n``; that of a pixel is the mean over its questions. Entropy sampling in active
learning takes those samples as most informative for which this is largest.

With mirror images (``SegmentOptions.mirror``) this is the entropy of the mean output. It counts both
where the network is uncertain and where it contradicts itself.

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


def question_uncertainty(outputs: NDArray[Any], spec: ModelSpec) -> NDArray[np.float32]:
    r"""Return the uncertainty of each question that the outputs of a network answer.

    Parameters
    ----------
    outputs
        (out_channels, \*shape): probabilities, 0 to 1, or uint8 probabilities as from `to_uint8`,
        for which the result is accurate to about 0.02.
    spec
        The network's description.

    Returns
    -------
    ndarray of float32
        (questions, \*shape), from 0, certain, to 1, all answers equally likely. With softmax there is
        one question; for objects there are two, foreground and boundary, as the distance is not a
        probability; otherwise one for each output.

    Raises
    ------
    UserError
        When the number of outputs is not that of the network, or a value is not a number.
    """
    if len(outputs) != spec.config.out_channels:
        raise UserError(
            "These are not the outputs of this network",
            value=f"{len(outputs)} channels",
            rule=f"{spec.name!r} has {spec.config.out_channels}: {', '.join(spec.classes)}.",
            remedy="Segment the image with this network.",
        )
    if spec.task == "objects":
        outputs = outputs[:2]
    if spec.activation == "softmax":
        entropy = sum(_entropy_terms(p) for p in outputs) / np.float32(log(len(outputs)))
        return np.minimum(entropy, np.float32(1))[None]
    return np.stack([np.minimum(_binary_entropy(p), np.float32(1)) for p in outputs])


def uncertainty(outputs: NDArray[Any], spec: ModelSpec) -> NDArray[np.float32]:
    r"""Return the uncertainty of a network at each pixel.

    Parameters
    ----------
    outputs, spec
        As for `question_uncertainty`.

    Returns
    -------
    ndarray of float32
        (\*shape), from 0, certain, to 1.

    Raises
    ------
    UserError
        As for `question_uncertainty`.
    """
    mean: NDArray[np.float32] = question_uncertainty(outputs, spec).mean(axis=0, dtype=np.float32)
    return mean


def _entropy_terms(p: NDArray[Any]) -> NDArray[np.float32]:
    """Return -p log p."""
    if p.dtype == np.uint8:
        return np.take(_entropy_terms(_UINT8_PROBABILITIES), p)
    p = _probability(p)
    return np.multiply(-p, np.log(np.maximum(p, np.finfo(np.float32).tiny)))


def _binary_entropy(p: NDArray[Any]) -> NDArray[np.float32]:
    """Return the normalised entropy of a question with two answers, one of probability p."""
    if p.dtype == np.uint8:
        return np.take(_binary_entropy(_UINT8_PROBABILITIES), p)
    p = _probability(p)
    both: NDArray[np.float32] = _entropy_terms(p) + _entropy_terms(1 - p)
    return both / np.float32(log(2))


_UINT8_PROBABILITIES = np.arange(256, dtype=np.float32) / 255


def _probability(p: NDArray[Any]) -> NDArray[np.float32]:
    if not np.isfinite(p).all():
        raise UserError(
            "The network's outputs contain values that are not numbers",
            value=f"{int((~np.isfinite(p)).sum()):,} of {p.size:,}",
            rule="Every probability is a number from 0 to 1.",
            remedy="Segment again with precision 'float32'. If that doesn't help, the model is damaged.",
        )
    return np.clip(p.astype(np.float32, copy=False), 0, 1)
