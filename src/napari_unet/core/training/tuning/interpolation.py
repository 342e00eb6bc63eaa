"""Networks with other weights, such as those between two networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_unet.core.model.spec import Model
from napari_unet.core.unet.copies import with_shared_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def with_weights(model: Model, weights: Mapping[str, Tensor]) -> Model:
    """Return a copy of a model, with other weights."""
    network = with_shared_weights(model.network)
    network.load_state_dict({name: value.clone() for name, value in weights.items()}, assign=True)
    return Model(model.spec, network.eval())


@torch.no_grad()
def between(start: Model, end: Model, share: float) -> Model:
    """Return the network whose weights lie so far on the way from one network to another, 0 to 1."""
    if share == 1:
        return end
    first, last = start.network.state_dict(), end.network.state_dict()
    weights = {
        name: torch.lerp(first[name], value, share) if value.is_floating_point() else value
        for name, value in last.items()
    }
    return with_weights(end, weights)
