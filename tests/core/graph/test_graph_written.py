"""Networks of layers written as ONNX files compute the same, with every layer that there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.ends import with_channels
from napari_unet.core.graph.network import GraphNetwork
from napari_unet.core.onnx.network import to_onnx


def conv(source: int, channels: int, kernel: int = 3, **others: Any) -> dict[str, Any]:
    window = {"kernel": (kernel,) * 2, "stride": (1, 1), "padding": (kernel // 2,) * 2}
    return {"kind": "convolution", "inputs": (source,), "channels": channels, **window, **others}


def graph(*between: dict[str, Any]) -> LayerGraph:
    """A convolution, some layers one after the other, and a head."""
    layers = [conv(0, 4), *({"inputs": (i,), **x} for i, x in enumerate(between, 1))]
    layers.append(conv(len(layers), 2, 1))
    return LayerGraph.model_validate({"ndim": 2, "in_channels": 1, "layers": layers})


HALF = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
WIDE = {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1)}
DOUBLE = {"factor": (2, 2)}
CASES: dict[str, tuple[dict[str, Any], ...]] = {
    **{kind: ({"kind": kind, "slope": 0.3},) for kind in ("elu", "silu", "mish", "gelu")},
    "mean": ({"kind": "average_pool", **WIDE}, {"kind": "nearest", **DOUBLE}),
    "transposed": ({"kind": "max_pool", **HALF}, {"kind": "transposed", "channels": 3, **WIDE}),
    "cropped": (
        {"kind": "max_pool", **HALF},
        {
            "kind": "transposed",
            "channels": 3,
            "kernel": (3, 3),
            "stride": (2, 2),
            "padding": (0, 0),
        },
    ),
    "groups": ({"kind": "group", "groups": 2}, {"kind": "prelu", "slopes": 4}),
}


@pytest.mark.parametrize("between", CASES.values(), ids=CASES)
def test_every_layer_is_written(between: tuple[dict[str, Any], ...]) -> None:
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    network = GraphNetwork(graph(*between)).eval()
    x = torch.rand(1, 1, 12, 20) * 4 - 2
    session = runtime.InferenceSession(to_onnx(network), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": x.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(x).numpy(), atol=1e-5)


def test_what_depends_on_the_place_is_not_written() -> None:
    network = GraphNetwork(graph({"kind": "repeat_first"}))
    assert network.config.depends_on_position
    with pytest.raises(UserError, match="brought to size by nearest neighbours"):
        to_onnx(network)


@pytest.mark.parametrize(
    ("between", "words"),
    [
        (({"kind": "prelu", "slopes": 3},), "3 slopes for 4 channels"),
        (
            ({"kind": "transposed", "channels": 3, **HALF, "padding": (2, 2)},),
            "padding .* does not suit kernel",
        ),
        (({"kind": "max_pool", **HALF, "stride": (64, 64)},) * 2, "."),
    ],
)
def test_layers_that_do_not_fit_are_refused(between: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        graph(*between)


def test_a_layer_that_nothing_uses_does_not_widen_what_is_seen() -> None:
    layers = [conv(0, 4), conv(1, 4, 7), conv(1, 2, 1)]
    unused = LayerGraph.model_validate({"ndim": 2, "in_channels": 1, "layers": layers})
    without = LayerGraph.model_validate(
        {"ndim": 2, "in_channels": 1, "layers": [layers[0], conv(1, 2, 1)]}
    )
    assert unused.halo == without.halo


def test_other_channels_need_a_first_convolution_over_all_of_them() -> None:
    layers = [{"kind": "max_pool", "inputs": (0,), **HALF}, {"kind": "nearest", **DOUBLE}]
    layers = [layers[0], {**layers[1], "inputs": (1,)}, conv(2, 2)]
    config = LayerGraph.model_validate({"ndim": 2, "in_channels": 1, "layers": layers})
    with pytest.raises(UserError, match="can't be given other channels"):
        with_channels(config, in_channels=3)
