"""MONAI's BasicUNet, DynUNet and SegResNet.

Names as in Project-MONAI/MONAI. SegResNet: Myronenko 2018, arXiv:1810.11654.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.importers.families.builder import IMAGE, Builder
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.families.recognised import Recognised

if TYPE_CHECKING:
    from napari_unet.core.importers.families.candidates import Candidate
    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside

SEGRESNET_GROUPS = 8
BASIC_SLOPE, DYNAMIC_SLOPE = 0.1, 0.01
"""Slopes of the leaky ReLU in BasicUNet and DynUNet; the weights do not tell them."""


def described(kind: str, candidate: Candidate, assumed: str = "") -> Recognised:
    """Return what is known of a network of MONAI."""
    text = f"How its images were normalised is not in the weights: zero mean is assumed.{assumed}"
    return Recognised(family=f"MONAI {kind}", candidates=[candidate], description=text)


def basic_unet(tensors: Tensors, beside: Beside) -> Recognised | None:  # noqa: ARG001
    """Recognise MONAI's BasicUNet."""
    if "conv_0.conv_0.conv.weight" not in tensors or "final_conv.weight" not in tensors:
        return None
    if "upcat_4.upsample.deconv.weight" not in tensors:
        raise NotThisLayoutError("only BasicUNet with transposed convolutions is read")
    build = Builder(tensors, "conv_0.conv_0.conv")
    x = _two(build, IMAGE, "conv_0")
    skips = []
    for level in range(1, 5):
        skips.append(x)
        x = _two(build, build.pool(x, 2), f"down_{level}.convs")
    for level in range(4, 0, -1):
        name = f"upcat_{level}"
        x = build.transposed(x, f"{name}.upsample.deconv", 2)
        x = _two(build, build.concatenate(skips.pop(), x), f"{name}.convs")
    build.conv(x, "final_conv", bias=True)
    return described("BasicUNet", build.finish())


def _two(build: Builder, x: int, name: str) -> int:
    for unit in (f"{name}.conv_0", f"{name}.conv_1"):
        x = build.norm(build.conv(x, f"{unit}.conv"), f"{unit}.adn.N")
        if build.has(f"{unit}.adn.A"):
            x = build.prelu(x, f"{unit}.adn.A")
        else:
            x = build.activate(x, "leaky_relu", BASIC_SLOPE)
    return x


def dynamic_unet(tensors: Tensors, beside: Beside) -> Recognised | None:  # noqa: ARG001
    """Recognise MONAI's DynUNet, with or without residual blocks."""
    first = "input_block.conv1.conv"
    if f"{first}.weight" not in tensors or "output_block.conv.conv.weight" not in tensors:
        return None
    build = Builder(tensors, first)
    # all layers a second time, as they are nested; and heads that are for training
    build.drop("skip_layers.", "heads.", "deep_supervision_heads.")
    depth = build.count("upsamples.{}.")
    blocks = [f"downsamples.{n}" for n in range(depth - 1)] + ["bottleneck"]
    strides = [build.shape(f"upsamples.{n}.transp_conv.conv")[2:] for n in reversed(range(depth))]
    x = _dynamic_block(build, IMAGE, "input_block", (1,) * build.ndim)
    skips = []
    for block, stride in zip(blocks, strides, strict=True):
        skips.append(x)
        x = _dynamic_block(build, x, block, stride)
    for n in range(depth):
        x = build.transposed(x, f"upsamples.{n}.transp_conv.conv", strides.pop())
        joined = build.concatenate(x, skips.pop())
        x = _dynamic_block(build, joined, f"upsamples.{n}.conv_block", (1,) * build.ndim)
    build.conv(x, "output_block.conv.conv", bias=True)
    return described("DynUNet", build.finish())


def _dynamic_block(build: Builder, x: int, name: str, stride: tuple[int, ...]) -> int:
    out = build.norm(build.conv(x, f"{name}.conv1.conv", stride), f"{name}.norm1")
    out = build.activate(out, "leaky_relu", DYNAMIC_SLOPE)
    out = build.norm(build.conv(out, f"{name}.conv2.conv"), f"{name}.norm2")
    if build.has(f"{name}.conv3.conv"):
        skip = build.norm(build.conv(x, f"{name}.conv3.conv", stride), f"{name}.norm3")
        out = build.add(out, skip)
    return build.activate(out, "leaky_relu", DYNAMIC_SLOPE)


def segresnet(tensors: Tensors, beside: Beside) -> Recognised | None:  # noqa: ARG001
    """Recognise MONAI's SegResNet."""
    if "convInit.conv.weight" not in tensors:
        return None
    if any(key.startswith("vae_") for key in tensors):
        raise NotThisLayoutError("of SegResNet, the one with an autoencoder is not read")
    build = Builder(tensors, "convInit.conv")
    x = build.conv(IMAGE, "convInit.conv")
    down = []
    for level in range(build.count("down_layers.{}.")):
        name = f"down_layers.{level}"
        if level:
            x = build.conv(x, f"{name}.0.conv", 2)
        x = _norm_first_blocks(build, x, name, first=1)
        down.append(x)
    down.pop()
    for level in range(build.count("up_samples.{}.")):
        x = build.conv(x, f"up_samples.{level}.0.conv")
        if build.has(f"up_samples.{level}.1.deconv"):
            x = build.transposed(x, f"up_samples.{level}.1.deconv", 2)
        else:
            x = build.upsample(x, 2, "linear")
        x = _norm_first_blocks(build, build.add(x, down.pop()), f"up_layers.{level}", first=0)
    x = build.activate(build.norm(x, "conv_final.0", groups=SEGRESNET_GROUPS), "relu")
    build.conv(x, "conv_final.2.conv", bias=True)
    return described("SegResNet", build.finish())


def _norm_first_blocks(build: Builder, x: int, name: str, first: int) -> int:
    n = first
    while build.has(f"{name}.{n}.conv1.conv"):
        out = x
        for part in ("1", "2"):
            out = build.norm(out, f"{name}.{n}.norm{part}", groups=SEGRESNET_GROUPS)
            out = build.conv(build.activate(out, "relu"), f"{name}.{n}.conv{part}.conv")
        x = build.add(out, x)
        n += 1
    return x
