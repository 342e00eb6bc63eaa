"""segmentation_models_pytorch: U-Nets with encoders of the ResNet family."""

from functools import partial

import numpy as np
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.encoders import preprocess_input

from foreign_makers.made import Made, raw_image, saver

# what get_preprocessing_params(encoder, "imagenet") gives for all of these, which asks a server for it
IMAGENET = {
    "input_space": "RGB",
    "input_range": [0, 1],
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def slim(network: torch.nn.Module, factor: int) -> None:
    """Divide all widths but those of the image and the classes; what is computed stays the package's."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.Conv2d):
                before = child.in_channels // factor if child.in_channels > 4 else child.in_channels
                after = (
                    child.out_channels // factor if child.out_channels > 4 else child.out_channels
                )
                shape = (child.kernel_size, child.stride, child.padding)
                bias = child.bias is not None
                setattr(module, name, torch.nn.Conv2d(before, after, *shape, bias=bias))
            elif isinstance(child, torch.nn.BatchNorm2d):
                setattr(module, name, torch.nn.BatchNorm2d(child.num_features // factor))


def make(
    encoder: str,
    *,
    channels: int = 3,
    classes: int = 1,
    prefix: str = "",
    narrower: int = 1,
    size: tuple = (320, 256),
    **options,
) -> Made:
    network = smp.Unet(
        encoder, encoder_weights=None, in_channels=channels, classes=classes, **options
    )

    if narrower > 1:
        slim(network, narrower)

    def preprocess(image):
        if channels != 3:
            mean, deviation = image.mean((1, 2), keepdims=True), image.std((1, 2), keepdims=True)
            return ((image - mean) / deviation).astype(np.float32)
        moved = preprocess_input(image.transpose(1, 2, 0), **IMAGENET)
        return moved.transpose(2, 0, 1).astype(np.float32)

    wrap = lambda state: {f"{prefix}{key}": value for key, value in state.items()}  # noqa: E731
    return Made(network, raw_image(channels, *size, top=256), saver(network, wrap), preprocess)


MAKERS = {
    "smp_small": (
        partial(
            make, "resnet18", narrower=16, size=(64, 32), decoder_channels=(64, 32, 32, 16, 16)
        ),
        True,
    ),
    "smp_resnet18": (partial(make, "resnet18"), False),
    "smp_resnet34_classes": (
        partial(make, "resnet34", channels=1, classes=4, prefix="net."),
        False,
    ),
    "smp_resnet50": (partial(make, "resnet50"), False),
    "smp_resnext50": (partial(make, "resnext50_32x4d", classes=3), False),
    "smp_vgg13_bn": (partial(make, "vgg13_bn"), False),
    "smp_resnet18_shallow": (
        partial(make, "resnet18", encoder_depth=3, decoder_channels=(64, 32, 16)),
        False,
    ),
}
