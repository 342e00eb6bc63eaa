"""Draws patches for training: around labelled pixels, rare classes more often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import frames
from napari_unet.core.sampling.centres import STREAM, Centres, cumulative, find_centres, pick
from napari_unet.core.tiling.plan import mirror_indices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Truth
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.progress import Job


@dataclass(frozen=True, eq=False)
class Patch:
    """A window of a frame, which may reach beyond it on any side.

    Attributes
    ----------
    truth
        The annotation.
    frame
        The plane or volume.
    source
        Number of the annotation and position of the frame along the looped axes: the same for all
        patches of a frame.
    start
        First pixel of the window in the frame; negative where the window reaches beyond it.
    shape
        Shape of the window, including the margin.
    """

    truth: Truth
    frame: Frame
    source: tuple[int, ...]
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def image(self) -> NDArray[Any]:
        """Read the pixels, (C, *shape), in the image's own dtype, mirrored beyond the image."""
        indices = [mirror_indices(first, first + n, size) for first, n, size in self._spans]
        box = tuple(slice(int(p.min()), int(p.max()) + 1) for p in indices)
        block = self.frame.read(box)
        if all(f >= 0 and f + n <= size for f, n, size in self._spans):
            return block
        inner = [p - b.start for p, b in zip(indices, box, strict=True)]
        return block[np.ix_(np.arange(len(block)), *inner)]

    def labels(self, held: int = IGNORE) -> NDArray[np.int32]:
        """Read the training labels, (*shape), like `Truth.training`; `IGNORE` beyond the image."""
        box = tuple(slice(max(first, 0), min(first + n, size)) for first, n, size in self._spans)
        out = np.full(self.shape, IGNORE, dtype=np.int32)
        inner = (slice(b.start - s, b.stop - s) for b, s in zip(box, self.start, strict=True))
        out[tuple(inner)] = self.truth.training(self.frame, box, held=held)
        return out

    @property
    def _spans(self) -> list[tuple[int, int, int]]:
        """First pixel, length and length of the frame, along each axis."""
        return list(zip(self.start, self.shape, self.frame.shape, strict=True))


@dataclass(frozen=True, eq=False)
class PatchSampler:
    """Draws patches: always the same for the same seed, step and sample.

    `shape` and `margin` may be changed with `replace`.

    Attributes
    ----------
    truths
        The annotations.
    frames
        The planes or volumes, by `Patch.source`.
    spatial
        ``"YX"`` or ``"ZYX"``.
    centres
        Where patches may be centred, for each labelled class.
    share
        Cumulative probabilities of these classes.
    shape
        Shape of a patch without its margin.
    margin
        Pixels added on each side, for the augmentation.
    seed
        Seed of everything that is drawn.
    """

    truths: tuple[Truth, ...]
    frames: Mapping[tuple[int, ...], Frame]
    spatial: str
    centres: tuple[Centres, ...]
    share: NDArray[np.float64]
    shape: tuple[int, ...]
    margin: tuple[int, ...]
    seed: int

    def draw(self, step: int, sample: int) -> Patch:
        """Draw the patch number `sample` of a training step.

        Its inner part, without the margin, contains a labelled pixel and lies in the frame, or around
        it along axes where the frame is smaller.
        """
        rng = np.random.default_rng((self.seed, step, sample, STREAM))
        number, key, pixel = self.centres[pick(self.share, rng)].draw(rng)
        position = dict(zip(self.truths[number].annotation.loops, key, strict=True))
        position |= dict(zip("YX", pixel.tolist(), strict=True))
        loops = [a for a in self.truths[number].annotation.loops if a not in self.spatial]
        source = (number, *(position[a] for a in loops))
        frame = self.frames[source]
        start = []
        for axis, n, size in zip(self.spatial, self.shape, frame.shape, strict=True):
            # the pixel is anywhere in the middle half, lest the network learn that centres are labelled
            first = position[axis] - n // 2 + int(rng.integers(-(n // 4), n // 4 + 1))
            start.append(min(max(first, 0), size - n) if n <= size else -((n - size) // 2))
        return Patch(
            self.truths[number],
            frame,
            source,
            tuple(s - m for s, m in zip(start, self.margin, strict=True)),
            tuple(n + 2 * m for n, m in zip(self.shape, self.margin, strict=True)),
        )


def index_patches(
    truths: Sequence[Truth],
    *,
    spatial: str,
    channels: Sequence[int],
    shape: tuple[int, ...],
    margin: tuple[int, ...],
    seed: int = 0,
) -> Job[PatchSampler]:
    """Find where patches can be centred.

    Parameters
    ----------
    truths
        The annotations; what is held out of them is left out.
    spatial
        ``"YX"`` or ``"ZYX"``: the network's axes.
    channels
        Channels of the images that go into the network.
    shape
        Shape of a patch without its margin.
    margin
        Pixels added on each side, for the augmentation.
    seed
        Seed of everything that is drawn.

    Yields
    ------
    Progress
        After each plane.

    Raises
    ------
    UserError
        When an image lacks an axis or a channel, or nothing is left to train on.
    """
    sources = {
        (i, *frame.index.values()): frame
        for i, truth in enumerate(truths)
        for frame in frames(truth.annotation.image, spatial, channels)
    }
    centres = yield from find_centres(truths, seed)
    if not centres:
        raise UserError(
            "No labelled pixels are left to train on",
            rule="Training needs labelled pixels that are not held out.",
            remedy="Paint more, or hold out less.",
        )
    # between the frequency of its pixels (power 1) and the same for each class (power 0)
    share = cumulative(np.array([c.total for c in centres]) ** 0.25)
    return PatchSampler(tuple(truths), sources, spatial, centres, share, shape, margin, seed)
