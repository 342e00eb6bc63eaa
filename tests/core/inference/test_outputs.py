"""What becomes of outputs where there are no data, no 8 bits, or no room in 16."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import model_of, random_image

from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.network import GraphNetwork
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.inference.eight_bits import disagreement
from napari_unet.core.inference.outputs import Outputs, background_where_missing
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.progress import Notice
from napari_unet.core.unet.config import UNetConfig

CONFIG = UNetConfig.classic(base=2, depth=1, out_channels=2)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_pixels_without_data_are_background(activation):
    pixels = random_image((6, 6))
    pixels[2, 3] = np.nan
    image = Image(pixels, "YX")
    (frame,) = frames(image, "YX", [0])
    values = np.full((2, 6, 6), 0.5, np.float32)
    found = background_where_missing(
        Outputs(0, 1, frame=frame, write=(slice(0, 6), slice(0, 6)), values=values),
        model_of(CONFIG, activation=activation).spec,
    )
    assert found.missing == 1
    assert found.values[:, 2, 3].tolist() == ([1, 0] if activation == "softmax" else [0, 0])
    assert (found.values == 0.5).sum() == 2 * 35


def test_how_much_8_bits_change_is_measured_by_classes():
    softmax = model_of(CONFIG, activation="softmax").spec
    expected = torch.tensor([[0.9, 0.6, 0.2, 0.4], [0.1, 0.4, 0.8, 0.6]])
    found = torch.tensor([[0.8, 0.4, 0.2, 0.4], [0.2, 0.6, 0.8, 0.6]])
    assert disagreement(found, expected, softmax).changed == pytest.approx(0.25)
    sigmoid = model_of(CONFIG, activation="sigmoid", threshold=0.5).spec
    assert disagreement(found, expected, sigmoid).changed == pytest.approx(0.25)
    # a network that overflows agrees with nothing
    assert not disagreement(found / 0, expected, softmax).is_within(1.0)


def test_a_network_of_layers_is_computed_in_32_bits_and_that_is_told():
    window = {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1)}
    layer = {"kind": "convolution", "inputs": (0,), "channels": 1, **window}
    config = LayerGraph.model_validate({"ndim": 2, "in_channels": 1, "layers": [layer]})
    spec = ModelSpec(
        name="n", config=config, activation="none", normalization=Normalization(kind="linear")
    )
    model = Model(spec, GraphNetwork(config).eval())
    image = Image(random_image((20, 24)), "YX")
    predictor = Predictor(model, Compute("cpu", "int8", "torch"))
    steps = list(predictor.run(frames(image, "YX", [0])))
    assert any("8 bits are for U-Nets" in s.text for s in steps if isinstance(s, Notice))
    (found,) = (s for s in steps if isinstance(s, Outputs))
    with torch.inference_mode():
        expected = model.network(torch.from_numpy(image.data)[None, None])[0].numpy()
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_a_network_that_gives_no_numbers_is_told():
    model = model_of(CONFIG)
    with torch.no_grad():
        next(model.network.parameters()).fill_(torch.inf)
    job = Predictor(model, Compute("cpu", "float32")).run(
        frames(Image(random_image((16, 16)), "YX"), "YX", [0])
    )
    with pytest.raises(UserError, match="values that are not numbers"):
        list(job)
