"""Make checkpoints with the packages whose networks are read, with what these compute from an image.

    python -m venv RIVALS
    RIVALS/bin/pip install torch nnunetv2 segmentation_models_pytorch monai pytorch3dunet torch_em
    RIVALS/bin/python tools/foreign_checkpoints.py FOLDER            all of them
    RIVALS/bin/python tools/foreign_checkpoints.py FOLDER --small    those small enough for the tests

Each is a file or folder NAME, and NAME.npz with the arrays ``image`` (channels first, raw pixel
values) and ``output`` (the logits of the whole image, after the package's own preprocessing). Weights
are random, with signal in the whole field. `benchmarks/importers.py FOLDER` compares them with what
U-Net Studio computes. The tests' archive is the small ones, packed:

    tar -C FOLDER --sort=name --owner=0 --group=0 --numeric-owner --mtime=2026-01-01 -cf - . | \
        xz -9e > tests/core/importers/foreign_checkpoints.tar.xz
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

sys.path.insert(0, str(Path(__file__).parent))

from foreign_makers import MAKERS


def randomise(network: torch.nn.Module, seed: int, coarse: bool) -> None:
    """Draw weights that keep the features at about unit variance, and norms that are not trivial.

    Coarse ones are multiples of 1/32, so that files of them can be packed.
    """
    random = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if tensor.dim() >= 4:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=random)
        elif name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=random)
        else:
            tensor.normal_(0, 0.2, generator=random)
        if re.search(r"layer\d\.\d+\.bn[23]\.weight$", name):
            # residual branches add little, as after a training: else rounding grows from block to block
            tensor.mul_(0.2)
        if coarse:
            tensor.mul_(32).round_().div_(32)


def computed(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the logits of an image, after its last convolution has been scaled to moderate ones."""
    last: list[torch.nn.Module] = []

    def remember(module: torch.nn.Module, *_: object) -> None:
        last[:] = [module]

    convolutions = (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.ConvTranspose2d)
    hooks = [
        m.register_forward_hook(remember) for m in network.modules() if isinstance(m, convolutions)
    ]
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    with torch.inference_mode():
        # as after a training: statistics of the features there are
        for norm in norms:
            norm.train().momentum = 0.9
        network(x)
        network.eval()
        output = network(x)
        output = output[0] if isinstance(output, (list, tuple)) else output
        for hook in hooks:
            hook.remove()
        if output.std() < 8:
            return output
        last[0].weight.div_(output.std() / 2)
        output = network(x)
        return output[0] if isinstance(output, (list, tuple)) else output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true", help="only those that the tests use")
    parser.add_argument("--only", default="", help="only names that contain this")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, (maker, small) in MAKERS.items():
        if (given.small and not small) or given.only not in name:
            continue
        made = maker()
        randomise(made.network, seed=len(name), coarse=small)
        made.network.eval()
        image = made.image
        output = computed(made.network, torch.from_numpy(made.preprocess(image))[None])
        made.save(given.folder, name)
        kept = output[0].numpy().astype(np.float32)
        np.savez_compressed(given.folder / f"{name}.npz", image=image, output=kept)
        print(f"{name:32} {image.shape} -> {kept.shape}, std {kept.std():.3g}")


if __name__ == "__main__":
    main()
