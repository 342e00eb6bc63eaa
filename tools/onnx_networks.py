"""Make small ONNX files with PyTorch's exporter, for the tests of what reads them.

    pip install onnx
    python tools/onnx_networks.py FOLDER
    tar -C FOLDER --sort=name --owner=0 --group=0 --numeric-owner --mtime=2026-01-01 -cf - . | \
        xz -9e > tests/core/importers/onnx_networks.tar.xz

Each is NAME.onnx, and NAME.npz with the arrays ``image`` and ``output`` of PyTorch. Weights are random
multiples of 1/32, so that the files can be packed.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = {2: 32, 3: 12}
NETWORKS = {
    "batch_transposed": {"norm": "batch", "act": "relu", "up": "transposed"},
    "batch_padded": {"norm": "batch", "act": "leaky", "up": "linear", "pads": True},
    "batch_unfolded": {"norm": "batch", "act": "relu", "up": "size", "fold": False},
    "group_silu": {"norm": "group", "act": "silu", "up": "size"},
    "instance_prelu": {"norm": "instance", "act": "prelu", "up": "nearest"},
    "mish_softmax": {"norm": "none", "act": "mish", "up": "linear", "end": "softmax"},
    "elu_logits": {"norm": "none", "act": "elu", "up": "transposed", "end": ""},
    "volume_group": {"norm": "group", "act": "relu", "up": "transposed", "ndim": 3},
    "volume_linear": {"norm": "batch", "act": "relu", "up": "linear", "ndim": 3},
    "attention": {"norm": "none", "act": "relu", "up": "transposed", "gated": True},
}
"""What is exported; the last one is not to be read."""
ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.2),
    "prelu": nn.PReLU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "mish": nn.Mish,
}


class Net(nn.Module):
    """A U-Net of one level."""

    def __init__(
        self,
        norm: str,
        act: str,
        up: str,
        *,
        ndim: int = 2,
        end: str = "sigmoid",
        pads: bool = False,
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.up, self.end, self.pads, self.gated, self.ndim = up, end, pads, gated, ndim
        conv = nn.Conv2d if ndim == 2 else nn.Conv3d
        norms = {
            "batch": nn.BatchNorm2d if ndim == 2 else nn.BatchNorm3d,
            "group": lambda width: nn.GroupNorm(2, width),
            "instance": lambda width: nn.InstanceNorm2d(width, affine=True),
            "none": lambda _: nn.Identity(),
        }

        def block(into: int, out: int) -> nn.Module:
            return nn.Sequential(
                conv(into, out, 3, padding=1), norms[norm](out), ACTIVATIONS[act]()
            )

        self.top, self.middle = block(1, 4), block(4, 6)
        self.last = block(8 if up == "transposed" else 10, 4)
        self.pool = nn.MaxPool2d(2) if ndim == 2 else nn.MaxPool3d(2)
        self.raised = (nn.ConvTranspose2d if ndim == 2 else nn.ConvTranspose3d)(6, 4, 2, stride=2)
        self.head = conv(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute probabilities, or logits."""
        top = self.top(x)
        low = self.middle(self.pool(top))
        linear = "bilinear" if self.ndim == 2 else "trilinear"
        match self.up:
            case "transposed":
                low = self.raised(low)
            case "linear":
                low = functional.interpolate(low, scale_factor=2, mode=linear, align_corners=False)
            case "nearest":
                low = functional.interpolate(low, scale_factor=2, mode="nearest")
            case "size":
                low = functional.interpolate(low, size=top.shape[2:], mode="nearest")
        if self.pads:
            dy, dx = top.size(2) - low.size(2), top.size(3) - low.size(3)
            low = functional.pad(low, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        if self.gated:
            top = top * torch.sigmoid(low)
        out = self.head(self.last(torch.cat([top, low], 1)))
        return {"sigmoid": out.sigmoid(), "softmax": out.softmax(1), "": out}[self.end]


def main(folder: Path) -> None:
    """Export all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, options) in enumerate(NETWORKS.items()):
        fold = options.pop("fold", True)
        network = Net(**options).eval()
        random = torch.Generator().manual_seed(seed)
        for key, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                spread = (2 / tensor[0].numel()) ** 0.5 if tensor.dim() > 1 else 0.3
                tensor.normal_(0, spread, generator=random)
                if key.endswith("running_var"):
                    tensor.abs_().add_(0.5)
                tensor.mul_(32).round_().div_(32)
        network.head.weight.data.mul_(4)
        shape = (1, 1, *(SIDE[network.ndim],) * network.ndim)
        image = torch.randint(0, 32, shape, generator=random) / 32
        sides = {axis + 2: f"s{axis}" for axis in range(network.ndim)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (image,),
                folder / f"{name}.onnx",
                dynamo=False,
                opset_version=17,
                do_constant_folding=fold,
                input_names=["x"],
                output_names=["y"],
                dynamic_axes={"x": sides, "y": sides},
            )
        with torch.inference_mode():
            output = network(image)
        np.savez_compressed(folder / name, image=image[0].numpy(), output=output[0].numpy())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
