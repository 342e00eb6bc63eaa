from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.ends import first_names, head_name, with_channels
from napari_unet.core.graph.mean import mean_of
from napari_unet.core.graph.network import GraphNetwork
from napari_unet.core.model.adapt import adapt_model
from napari_unet.core.model.spec import Model, ModelSpec

Layers = tuple[dict[str, Any], ...]


def conv(source: int, channels: int, kernel: int = 3, stride: int = 1) -> dict[str, Any]:
    window = {"kernel": (kernel,) * 2, "stride": (stride,) * 2, "padding": (kernel // 2,) * 2}
    return {"kind": "convolution", "inputs": (source,), "channels": channels, **window}


def resnet_like(up: str = "nearest", norm: str = "batch") -> LayerGraph:
    """A stem of stride 2, an overlapping pooling, a residual sum, and the way up."""
    pool = {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1)}
    transposed = {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1), "channels": 4}
    rising: dict[str, Any] = {"kind": up, "inputs": (8,), "factor": (2, 2)}
    if up == "transposed":
        rising = {"kind": up, "inputs": (8,), **transposed}
    layers: Layers = (
        conv(0, 4, 7, 2),
        {"kind": norm, "inputs": (1,)},
        {"kind": "relu", "inputs": (2,)},
        {"kind": "max_pool", "inputs": (3,), **pool},
        conv(4, 4),
        {"kind": "leaky_relu", "inputs": (5,), "slope": 0.1},
        {"kind": "add", "inputs": (6, 4)},
        {"kind": "prelu", "inputs": (7,), "slopes": 4},
        rising,
        {"kind": "concatenate", "inputs": (9, 3)},
        {"kind": "linear", "inputs": (10,), "factor": (2, 2)},
        conv(11, 2),
    )
    return LayerGraph.model_validate({"ndim": 2, "in_channels": 1, "layers": layers})


def network(config: LayerGraph) -> GraphNetwork:
    torch.manual_seed(0)
    made = GraphNetwork(config)
    with torch.no_grad():
        for tensor in made.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.2, 1.0)
    return made.eval()


@pytest.mark.parametrize("up", ["nearest", "linear", "transposed"])
def test_receptive_field_is_the_measured_one(up: str) -> None:
    config = resnet_like(up)
    assert config.total_stride == (4, 4)
    made, size = network(config), 64
    x = torch.rand(1, 1, size, size, requires_grad=True)
    radius = halo = 0
    for position in range(4):
        row = size // 2 + position
        (gradient,) = torch.autograd.grad(made(x)[0, 0, row, size // 2], x)
        reached = gradient[0, 0].abs().sum(dim=1).nonzero().ravel()
        low, high = int(reached.min()), int(reached.max())
        radius = max(radius, row - low, high - row)
        halo = max(halo, size // 2 - low, high - (size // 2 + 3))
    # of maxima only one pixel of each window shows: never more than is stated
    assert radius <= config.receptive_radius[0] <= radius + 2
    assert halo <= config.halo[0] <= halo + 2


def test_description_survives_as_json() -> None:
    config = resnet_like()
    assert LayerGraph.model_validate_json(config.model_dump_json()) == config
    spec = ModelSpec(name="n", config=config)
    assert ModelSpec.model_validate_json(spec.model_dump_json()).config == config
    assert config.parameters == sum(p.numel() for p in network(config).parameters())


@given(sizes=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_any_size_will_do(sizes: tuple[int, int]) -> None:
    assert network(resnet_like()).forward(torch.rand(1, 1, *sizes)).shape == (1, 2, *sizes)


BAD: dict[str, tuple[Layers, str]] = {
    "later": ((conv(1, 2), conv(1, 2)), "after it"),
    "even": (({**conv(0, 2), "kernel": (2, 2)},), "padding"),
    "dimensions": (({**conv(0, 2), "kernel": (3, 3, 3)},), "kernel"),
    "smaller": ((conv(0, 2, stride=2),), "another size"),
    "widths": ((conv(0, 2), conv(0, 3), {"kind": "add", "inputs": (1, 2)}), "adds"),
    "sizes": (
        (conv(0, 2), conv(0, 2, stride=2), {"kind": "add", "inputs": (1, 2)}),
        "different sizes",
    ),
    "groups": (({"kind": "group", "inputs": (0,), "groups": 3},), "groups"),
    "kind": (({"kind": "attention", "inputs": (0,)},), "attention"),
    "inputs": (({**conv(0, 2), "inputs": (0, 0)},), "more than one"),
}


@pytest.mark.parametrize(("layers", "cause"), BAD.values(), ids=BAD)
def test_impossible_descriptions_are_refused(layers: Layers, cause: str) -> None:
    with pytest.raises(ValidationError, match=cause):
        LayerGraph.model_validate({"ndim": 2, "in_channels": 1, "layers": layers})


def test_mean_of_networks() -> None:
    config = resnet_like()
    members = [network(config), network(config)]
    with torch.no_grad():
        for parameter in members[1].parameters():
            parameter.mul_(0.9)
    joined, weights = mean_of([(config, m.state_dict()) for m in members])
    mean = GraphNetwork(joined).eval()
    mean.load_state_dict(weights)
    x = torch.rand(1, 1, 24, 24)
    torch.testing.assert_close(mean(x), (members[0](x) + members[1](x)) / 2)
    with pytest.raises(UserError, match="single network"):
        head_name(joined)
    with pytest.raises(ValueError, match="differ"):
        mean_of([(config, {}), (with_channels(config, in_channels=2), {})])


def test_adapting_to_other_classes_and_channels() -> None:
    model = Model(ModelSpec(name="n", config=resnet_like()), network(resnet_like()))
    assert first_names(resnet_like()) == ["layers.1"]
    grown = adapt_model(model, classes=("a", "b", "c"), channels=("x", "y"))
    assert (grown.spec.config.in_channels, grown.spec.config.out_channels) == (2, 4)
    x = torch.rand(1, 1, 16, 16)
    same = adapt_model(model, channels=("x", "y"))
    torch.testing.assert_close(same.network(x.expand(1, 2, 16, 16)), model.network(x))
