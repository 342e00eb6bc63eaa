"""The parent as a teacher: its opinion counts where nothing was annotated.

Learning without forgetting (Li and Hoiem 2018, 10.1109/TPAMI.2017.2773081), pixel by pixel: strokes say
nothing of outlines, so what lies between them should change only where they contradict the parent.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.ranks.ranks import ALONE, summed
from napari_unet.core.sampling.object_targets import ObjectTargets
from napari_unet.core.training.tuning.recipe import DOUBT_RADIUS, LEAST_UNLABELLED, OPINION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.model.spec import Model
    from napari_unet.core.ranks.ranks import Ranks
    from napari_unet.core.sampling.batches import Batch


class Teacher:
    """A network that does not learn, and what it thinks of patches.

    Parameters
    ----------
    model
        The network that the training starts from, which predicts what its parent does.
    ranks
        Which devices have patches of the same batch.

    Attributes
    ----------
    network
        A copy of the network.
    trust
        How much its opinion counts, 0 to 1.
    """

    def __init__(self, model: Model, ranks: Ranks = ALONE) -> None:
        self._ranks = ranks
        self.network = copy.deepcopy(model.network).eval().requires_grad_(False)
        self.trust = 0.0
        self._softmax = model.spec.activation == "softmax"
        strides = model.spec.config.total_stride
        self._radii = [max(1, DOUBT_RADIUS * stride // max(strides)) for stride in strides]

    def has_a_say(self, batch: Batch) -> bool:
        """Return whether enough of a batch is unlabelled that it is worth asking."""
        if not self.trust > 0:
            return False
        unlabelled = ((batch.labels == IGNORE) & ~batch.held).float().sum()
        all_pixels = unlabelled.new_tensor(batch.labels.numel())
        found, pixels = self._ranks.total(torch.stack([unlabelled, all_pixels]))
        return bool(found >= LEAST_UNLABELLED * pixels)

    @torch.no_grad()
    def opinion(self, images: Tensor) -> Tensor:
        """Return the probabilities (N, C, [Z,] Y, X), float32."""
        logits: Tensor = self.network(images).float()
        return logits.softmax(dim=1) if self._softmax else logits.sigmoid()

    def loss(self, logits: Tensor, opinion: Tensor, batch: Batch) -> Tensor:
        """Return the divergence from an opinion, the mean over the pixels where it counts or not.

        Parameters
        ----------
        logits
            Those of the network that learns, of any precision; sums are taken in float32.
        opinion
            As `opinion` returned it.
        batch
            What is known of these patches. What is held out is neither taught by labels nor by the
            parent, who may be wrong there.
        """
        with torch.autocast(logits.device.type, enabled=False):
            pixels = self._ranks.total(logits.new_tensor(batch.held.numel(), dtype=torch.float32))
            if not len(logits):
                return OPINION * self.trust * summed(self._ranks, logits.float().sum()) / pixels
            weights = self._weights(opinion, batch)
            # where it does not count, a logit may be anything
            safe = torch.where(weights > 0, logits.float(), 0.0)
            if self._softmax:
                each = functional.kl_div(safe.log_softmax(dim=1), opinion, reduction="none")
            else:
                entropy = functional.binary_cross_entropy_with_logits
                each = entropy(safe, opinion, reduction="none")
                each = each - functional.binary_cross_entropy(opinion, opinion, reduction="none")
            return OPINION * self.trust * summed(self._ranks, (each * weights).sum()) / pixels

    def _weights(self, opinion: Tensor, batch: Batch) -> Tensor:
        """Return how much the opinion counts, (N, 1 or C, [Z,] Y, X), 0 to 1."""
        targets = batch.targets
        if isinstance(targets, ObjectTargets):
            known = targets.known
            wrong = known[:, 0] & ((opinion[:, 0] > 0.5) != (targets.maps[:, 0] > 0.5))
        else:
            labelled = targets.classes != IGNORE
            known = labelled[:, None]
            wrong = labelled & (self._classes(opinion) != targets.classes)
        counts = ~(known | batch.held[:, None])
        return counts * (1 - doubt(wrong, self._radii)[:, None])

    def _classes(self, opinion: Tensor) -> Tensor:
        """Return the class of each pixel, as annotations number them."""
        highest, channel = opinion.max(dim=1)
        return channel if self._softmax else torch.where(highest > 0.5, channel + 1, 0)


def doubt(wrong: Tensor, radii: Sequence[int]) -> Tensor:
    """Return how doubtful an opinion is around pixels where it was wrong.

    Parameters
    ----------
    wrong
        (N, [Z,] Y, X) bool.
    radii
        Pixels along each axis at which it is half as doubtful; twice as far it is not at all.

    Returns
    -------
    Tensor
        Same shape, float32, 0 to 1.
    """
    found = wrong.float()
    for pooled in (functional.max_pool1d, functional.avg_pool1d):
        for axis, radius in enumerate(radii, 1):
            lines = found.movedim(axis, -1)
            flat = lines.reshape(-1, 1, lines.shape[-1])
            flat = pooled(functional.pad(flat, (radius, radius), "replicate"), 2 * radius + 1, 1)
            found = flat.view(lines.shape).movedim(-1, axis)
    return found
