"""Variants of the families that no checkpoint in the archive has, written anew in plain functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_networks import Weights
from torch import Tensor
from torch.nn import functional as F

from napari_unet.core.errors import UserError
from napari_unet.core.importers import load_foreign


class Net(Weights):
    """A network in the making: each layer draws its weights when it is first computed."""

    def conv(self, name: str, x: Tensor, out: int, size: int = 3, stride: int = 1) -> Tensor:
        if f"{name}.weight" not in self.state:
            super().conv(name, x.shape[1], out, size)
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return F.conv2d(x, weight, bias, stride, size // 2)

    def up(self, name: str, x: Tensor, out: int, size: int = 2) -> Tensor:
        if f"{name}.weight" not in self.state:
            self.transposed(name, x.shape[1], out, (size, size))
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return F.conv_transpose2d(x, weight, bias, 2, (size - 1) // 2, size % 2)

    def batch(self, name: str, x: Tensor) -> Tensor:
        if f"{name}.weight" not in self.state:
            self.batch_norm(name, x.shape[1])
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(self.state[f"{name}.{part}"] for part in parts))

    def norm(self, name: str, x: Tensor, groups: int = 0) -> Tensor:
        """An instance norm, or one of groups."""
        n = x.shape[1]
        weight = self.state.setdefault(f"{name}.weight", 1 + 0.2 * self.normal(n))
        bias = self.state.setdefault(f"{name}.bias", 0.1 * self.normal(n))
        return F.group_norm(x, groups or n, weight, bias)

    def prelu(self, name: str, x: Tensor) -> Tensor:
        return F.prelu(x, self.state.setdefault(f"{name}.weight", torch.tensor([0.3])))


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.01)


def joined(*parts: Tensor) -> Tensor:
    return torch.cat(parts, dim=1)


def doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)


def monai_residual(net: Net, x: Tensor) -> Tensor:
    """MONAI's UNet(channels=(2, 3, 4), strides=(2, 2), num_res_units=2)."""

    def adn(name: str, x: Tensor) -> Tensor:
        return net.prelu(f"{name}.A", F.instance_norm(x))

    def units(name: str, x: Tensor, out: int, stride: int = 1, n: int = 2) -> Tensor:
        y = net.conv(f"{name}.conv.unit0.conv", x, out, 3, stride)
        top_end = name == "2.1"
        for i in range(n):
            unit = f"{name}.conv.unit{i}"
            y = y if i == 0 else net.conv(f"{unit}.conv", y, out)
            y = y if top_end else adn(f"{unit}.adn", y)
        if (stride, x.shape[1]) != (1, out):
            x = net.conv(f"{name}.residual", x, out, 3 if stride > 1 else 1, stride)
        return y + x

    a = units("0", x, 2, stride=2)
    b = units("1.submodule.0", a, 3, stride=2)
    c = units("1.submodule.1.submodule", b, 4)
    for name, skip, out in (("1.submodule.2", b, 2), ("2", a, 2)):
        c = net.up(f"{name}.0.conv", joined(skip, c), out, 3)
        c = units(f"{name}.1", adn(f"{name}.0.adn", c), out, n=1)
    return c


def monai_batch(net: Net, x: Tensor) -> Tensor:
    """MONAI's UNet with ReLU and batch norm, of which the saved options tell the strides."""

    def adn(name: str, x: Tensor) -> Tensor:
        return F.relu(net.batch(f"{name}.N", x))

    a = adn("0.adn", net.conv("0.conv", x, 2, 3, 2))
    b = adn("1.submodule.0.adn", net.conv("1.submodule.0.conv", a, 3, 3, 2))
    c = adn("1.submodule.1.submodule.adn", net.conv("1.submodule.1.submodule.conv", b, 4))
    c = adn("1.submodule.2.adn", net.up("1.submodule.2.conv", joined(b, c), 2, 3))
    return net.up("2.conv", joined(a, c), 2, 3)


def monai_basic(net: Net, x: Tensor) -> Tensor:
    """MONAI's BasicUNet(act="prelu")."""

    def two(name: str, x: Tensor, out: int) -> Tensor:
        for unit in (f"{name}.conv_0", f"{name}.conv_1"):
            x = net.norm(f"{unit}.adn.N", net.conv(f"{unit}.conv", x, out))
            x = net.prelu(f"{unit}.adn.A", x)
        return x

    skips = [two("conv_0", x, 2)]
    for n in (1, 2, 3, 4):
        skips.append(two(f"down_{n}.convs", F.max_pool2d(skips[-1], 2), 2))
    x = skips.pop()
    for n in (4, 3, 2, 1):
        x = net.up(f"upcat_{n}.upsample.deconv", x, 2)
        x = two(f"upcat_{n}.convs", joined(skips.pop(), x), 2)
    return net.conv("final_conv", x, 2, 1)


def dynunet_residual(net: Net, x: Tensor) -> Tensor:
    """MONAI's DynUNet(res_block=True)."""

    def block(name: str, x: Tensor, out: int, stride: int = 1) -> Tensor:
        y = leaky(net.norm(f"{name}.norm1", net.conv(f"{name}.conv1.conv", x, out, 3, stride)))
        y = net.norm(f"{name}.norm2", net.conv(f"{name}.conv2.conv", y, out))
        x = net.norm(f"{name}.norm3", net.conv(f"{name}.conv3.conv", x, out, 1, stride))
        return leaky(y + x)

    skips = [block("input_block", x, 2)]
    skips.append(block("downsamples.0", skips[-1], 3, 2))
    x = block("bottleneck", skips[-1], 4, 2)
    for n, out in enumerate((3, 2)):
        x = joined(net.up(f"upsamples.{n}.transp_conv.conv", x, out), skips.pop())
        if n == 0:
            # without a third convolution, as a block whose widths are the same
            x = plain_block(net, f"upsamples.{n}.conv_block", x, out)
        else:
            x = block(f"upsamples.{n}.conv_block", x, out)
    return net.conv("output_block.conv.conv", x, 2, 1)


def plain_block(net: Net, name: str, x: Tensor, out: int) -> Tensor:
    for n in (1, 2):
        x = leaky(net.norm(f"{name}.norm{n}", net.conv(f"{name}.conv{n}.conv", x, out)))
    return x


def segresnet_transposed(net: Net, x: Tensor) -> Tensor:
    """MONAI's SegResNet(upsample_mode="deconv")."""

    def block(name: str, x: Tensor) -> Tensor:
        y = x
        for n in (1, 2):
            y = F.relu(net.norm(f"{name}.norm{n}", y, 8))
            y = net.conv(f"{name}.conv{n}.conv", y, x.shape[1])
        return x + y

    a = block("down_layers.0.1", net.conv("convInit.conv", x, 8))
    b = block("down_layers.1.1", net.conv("down_layers.1.0.conv", a, 16, 3, 2))
    y = net.up("up_samples.0.1.deconv", net.conv("up_samples.0.0.conv", b, 8, 1), 8)
    y = block("up_layers.0.0", y + a)
    return net.conv("conv_final.2.conv", F.relu(net.norm("conv_final.0", y, 8)), 2, 1)


def smp_vgg(net: Net, x: Tensor) -> Tensor:
    """Unet("vgg…", decoder_channels=(3, 2), encoder_depth=2); `net` says whether it has norms."""
    normed, number, features = net.normed, 0, []
    for level, out in enumerate((2, 3)):
        for _ in range(2):
            x = net.conv(f"encoder.features.{number}", x, out)
            if normed:
                x = net.batch(f"encoder.features.{number + 1}", x)
            x, number = F.relu(x), number + (3 if normed else 2)
        features.append(x)
        x, number = F.max_pool2d(x, 2), number + 1
        assert level < 2
    # of a VGG the decoder has a centre, too
    for name in ("decoder.center.0", "decoder.center.1"):
        x = F.relu(net.batch(f"{name}.1", net.conv(f"{name}.0", x, 4)))
    skips = [features[1]]
    for level, out in enumerate((3, 2)):
        x = joined(doubled(x), skips.pop()) if skips else doubled(x)
        for part in ("conv1", "conv2"):
            name = f"decoder.blocks.{level}.{part}"
            x = F.relu(net.batch(f"{name}.1", net.conv(f"{name}.0", x, out)))
    return net.conv("segmentation_head.0", x, 2)


def nnunet_bottleneck(net: Net, x: Tensor) -> Tensor:
    """nnU-Net's ResidualEncoderUNet with bottlenecks."""

    def unit(name: str, x: Tensor, out: int, size: int, stride: int = 1) -> Tensor:
        return net.norm(f"{name}.norm", net.conv(f"{name}.conv", x, out, size, stride))

    def block(name: str, x: Tensor, out: int, stride: int) -> Tensor:
        y = leaky(unit(f"{name}.conv1", x, 2, 1))
        y = leaky(unit(f"{name}.conv2", y, 2, 3, stride))
        y = unit(f"{name}.conv3", y, out, 1)
        if stride > 1:
            x = unit(f"{name}.skip.1", F.avg_pool2d(x, stride), out, 1)
        return leaky(y + x)

    a = block("encoder.stages.0.blocks.0", leaky(unit("encoder.stem.convs.0", x, 4, 3)), 4, 1)
    b = block("encoder.stages.1.blocks.0", a, 6, 2)
    y = joined(net.up("decoder.transpconvs.0", b, 4), a)
    y = leaky(unit("decoder.stages.0.convs.0", y, 4, 3))
    return net.conv("decoder.seg_layers.0", y, 2, 1)


def unet3d(net: Net, x: Tensor) -> Tensor:
    """pytorch-3dunet's UNet2D; `net` says the order of the layers."""

    def single(name: str, x: Tensor, out: int) -> Tensor:
        for letter in net.order:
            if letter == "c":
                x = net.conv(f"{name}.conv", x, out)
            elif letter == "b":
                x = net.batch(f"{name}.batchnorm", x)
            else:
                x = F.relu(x)
        return x

    def two(name: str, x: Tensor, out: int) -> Tensor:
        name = f"{name}.basic_module.SingleConv"
        return single(f"{name}2", single(f"{name}1", x, out), out)

    a = two("encoders.0", x, 2)
    b = two("encoders.1", F.max_pool2d(a, 2), 3)
    return net.conv("final_conv", two("decoders.0", joined(a, doubled(b)), 2), 2, 1)


Forward = Callable[[Any, Tensor], Tensor]
VARIANTS: dict[str, tuple[Forward, dict[str, Any], dict[str, Any]]] = {
    "MONAI residual": (monai_residual, {}, {}),
    "MONAI with strides": (monai_batch, {}, {"hyper_parameters": {"strides": [2, 2]}}),
    "BasicUNet PReLU": (monai_basic, {}, {}),
    "DynUNet residual": (dynunet_residual, {}, {}),
    "SegResNet transposed": (segresnet_transposed, {}, {}),
    "VGG": (smp_vgg, {"normed": False}, {}),
    "VGG with norms": (smp_vgg, {"normed": True}, {}),
    "nnU-Net bottleneck": (nnunet_bottleneck, {}, {}),
    "pytorch-3dunet cr": (unet3d, {"order": "cr"}, {}),
    "pytorch-3dunet cbr": (unet3d, {"order": "cbr"}, {}),
    "pytorch-3dunet bcr": (unet3d, {"order": "bcr"}, {}),
}


@pytest.mark.parametrize(("forward", "how", "beside"), VARIANTS.values(), ids=VARIANTS)
def test_it_is_read_and_computes_the_same(
    forward: Forward, how: dict[str, Any], beside: dict[str, Any], tmp_path: Path
) -> None:
    net = Net()
    vars(net).update(how)
    x = torch.rand(1, 1, 32, 48, generator=torch.Generator().manual_seed(1)) * 4
    with torch.inference_mode():
        expected = forward(net, x)
        state = {name: tensor.clone() for name, tensor in net.state.items()}
        torch.save({"state_dict": state, **beside}, tmp_path / "n.pth")
        found = load_foreign(tmp_path / "n.pth").network(x)
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


def test_an_image_without_colours_is_not_normalised_as_imagenet(tmp_path: Path) -> None:
    net = Net()
    net.normed = False
    smp_vgg(net, torch.rand(1, 1, 16, 16))
    torch.save(net.state, tmp_path / "n.pth")
    assert load_foreign(tmp_path / "n.pth").spec.normalization.kind == "zscore"


# --- refused ----------------------------------------------------------------------------------------

ATTENTION = "squeeze and excitation looks at the whole image"
CHANGED = {
    "smp, no Unet": ("smp_small", {"-decoder.blocks.0.conv1.0.weight"}, "only Unet is read"),
    "smp, attention": ("smp_small", {"decoder.blocks.0.attention1.0.weight"}, "has attention"),
    "smp, encoder": ("smp_small", {"-encoder.layer1.0.conv1.weight"}, "neither a ResNet"),
    "smp, excitation": ("smp_small", {"encoder.layer1.0.se_module.fc1.weight"}, ATTENTION),
    "BasicUNet": ("monai_basic", {"-upcat_4.upsample.deconv.weight"}, "only BasicUNet with"),
    "SegResNet": ("monai_segresnet", {"vae_down.0.weight"}, "the one with an autoencoder"),
    "more": ("monai_basic", {"upcat_0.more.weight"}, "such a network has no weights upcat_0"),
    "fewer": ("monai_basic", {"-down_2.convs.conv_1.conv.weight"}, "down_2.convs.conv_1.conv"),
    "no statistics": ("smp_small", {"-encoder.bn1.running_var"}, "running_var is missing"),
    "shape": ("monai_basic", {"=upcat_1.upsample.deconv.bias"}, "is of shape [9], not [2]"),
}


@pytest.mark.parametrize(("name", "changes", "words"), CHANGED.values(), ids=CHANGED)
def test_what_is_no_layer_here_is_named(
    name: str, changes: set[str], words: str, folder: Path, tmp_path: Path
) -> None:
    state = dict(torch.load(folder / f"{name}.pth"))
    for change in changes:
        if change.startswith("-"):
            del state[change[1:]]
        else:
            state[change.removeprefix("=")] = torch.zeros(9)
    torch.save(state, tmp_path / "n.pth")
    assert words in refused(tmp_path / "n.pth")


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        load_foreign(path)
    return str(error.value)


def test_excitation_in_pytorch_3dunet_is_refused(tmp_path: Path) -> None:
    net = Net()
    net.order = "cr"
    unet3d(net, torch.rand(1, 1, 8, 8))
    more = {"encoders.0.basic_module.se_module.fc1.weight": torch.zeros(1)}
    torch.save(dict(net.state) | more, tmp_path / "n.pth")
    assert ATTENTION in refused(tmp_path / "n.pth")
