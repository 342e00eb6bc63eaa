"""U-Nets of segmentation_models_pytorch with encoders of the ResNet family (ResNet, ResNeXt, VGG).

Names as in qubvel-org/segmentation_models.pytorch; encoders: He et al. 2016, 10.1109/CVPR.2016.90.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers.families.builder import IMAGE, Builder
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.families.recognised import Recognised

if TYPE_CHECKING:
    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside

HEAD = "segmentation_head.0"

# of the images on which the encoders were trained, for values from 0 to 1
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def segmentation_models(tensors: Tensors, beside: Beside) -> Recognised | None:  # noqa: ARG001
    """Recognise a U-Net of segmentation_models_pytorch."""
    if f"{HEAD}.weight" not in tensors or not any(k.startswith("encoder.") for k in tensors):
        return None
    if "decoder.blocks.0.conv1.0.weight" not in tensors:
        raise NotThisLayoutError("of segmentation_models_pytorch, only Unet is read")
    if any(".attention" in key for key in tensors):
        raise NotThisLayoutError("its decoder has attention, which looks at the whole image")
    vgg = "encoder.features.0.weight" in tensors
    if not vgg and "encoder.layer1.0.conv1.weight" not in tensors:
        raise NotThisLayoutError("its encoder is neither a ResNet, a ResNeXt nor a VGG")
    if any(".se_module." in key for key in tensors):
        raise NotThisLayoutError("squeeze and excitation looks at the whole image")
    build = Builder(tensors, "encoder.features.0" if vgg else "encoder.conv1")
    depth = build.count("decoder.blocks.{}.")
    features = _vgg(build, depth) if vgg else _resnet(build, depth)
    build.drop("encoder.", "classification_head.")
    _decoder(build, features, depth)
    candidate = build.finish()
    return Recognised(
        family="segmentation_models_pytorch",
        candidates=[candidate],
        normalization=_normalization(candidate.config.in_channels),
        description="How its images were normalised is not in the weights: the statistics of ImageNet "
        "for colour images of 8 bits, zero mean for others, is usual.",
    )


def _normalization(channels: int) -> Normalization:
    if channels != len(IMAGENET_MEAN):
        return Normalization(kind="zscore")
    pairs = list(zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True))
    return Normalization(
        kind="linear",
        gain=tuple(1 / (255 * deviation) for _, deviation in pairs),
        offset=tuple(-mean / deviation for mean, deviation in pairs),
    )


def _resnet(build: Builder, depth: int) -> list[int]:
    """Add the encoder, and return its features of each size, finest first."""
    x = build.conv(IMAGE, "encoder.conv1", 2)
    x = build.activate(build.norm(x, "encoder.bn1"), "relu")
    features = [x]
    for level in range(1, depth):
        name = f"encoder.layer{level}"
        if level == 1:
            x = build.pool(x, 2, kernel=3, padding=1)
        for i in range(build.count(f"{name}.{{}}.")):
            x = _residual(build, x, f"{name}.{i}", 2 if level > 1 and i == 0 else 1)
        features.append(x)
    return features


def _residual(build: Builder, x: int, name: str, stride: int) -> int:
    """Add a basic block, or a bottleneck, whose second convolution has the stride."""
    bottleneck = build.has(f"{name}.conv3")
    out = x
    for n in (1, 2, 3) if bottleneck else (1, 2):
        step = stride if n == (2 if bottleneck else 1) else 1
        groups = build.width(out) // build.shape(f"{name}.conv{n}")[1]
        out = build.conv(out, f"{name}.conv{n}", step, groups=groups)
        out = build.norm(out, f"{name}.bn{n}")
        if build.has(f"{name}.conv{n + 1}"):
            out = build.activate(out, "relu")
    skip = x
    if build.has(f"{name}.downsample.0"):
        skip = build.conv(x, f"{name}.downsample.0", stride)
        skip = build.norm(skip, f"{name}.downsample.1")
    return build.activate(build.add(out, skip), "relu")


def _vgg(build: Builder, depth: int) -> list[int]:
    """Add the encoder: pooling shows as a gap in the numbers of its layers."""
    x, features = IMAGE, []
    numbers = sorted(
        int(key.split(".")[2])
        for key in build.remaining
        if key.startswith("encoder.features.") and key.endswith(".weight")
    )
    end = 0
    for number in numbers:
        name = f"encoder.features.{number}"
        # the norms have been taken with their convolutions
        if not build.has(name):
            continue
        if end and number > end:
            features.append(x)
            x = build.pool(x, 2)
        x = build.conv(x, name)
        end = number + 2
        if number + 1 in numbers and len(build.shape(f"encoder.features.{number + 1}")) == 1:
            x = build.norm(x, f"encoder.features.{number + 1}")
            end += 1
        x = build.activate(x, "relu")
    features += [x, build.pool(x, 2)]
    # that of full size is not used
    return features[1 : depth + 1]


def _decoder(build: Builder, features: list[int], depth: int) -> None:
    x = features.pop()
    for name in ("decoder.center.0", "decoder.center.1"):
        if build.has(f"{name}.0"):
            x = _unit(build, x, name)
    for level in range(depth):
        x = build.upsample(x, 2, "nearest")
        if features:
            x = build.concatenate(x, features.pop())
        for part in ("conv1", "conv2"):
            x = _unit(build, x, f"decoder.blocks.{level}.{part}")
    build.conv(x, HEAD, bias=True)


def _unit(build: Builder, x: int, name: str) -> int:
    x = build.conv(x, f"{name}.0")
    if build.has(f"{name}.1"):
        x = build.norm(x, f"{name}.1")
    return build.activate(x, "relu")
