"""Writes bioimage.io packages around networks of other programs."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml
from foreign_networks import Unet2d

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

IDS = {"b": "batch", "c": "channel"}


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    return np.exp(-np.logaddexp(0, -x.astype(np.float64)))


def softmax(x: NDArray[Any]) -> NDArray[Any]:
    top = np.exp(x - x.max(axis=1, keepdims=True))
    return top / top.sum(axis=1, keepdims=True)


@dataclass
class PackageWriter:
    """A package to be; `write` puts it into a folder.

    `preprocess` and `activate` are what the steps in `pre` and `post` stand for, in plain numpy, on
    arrays with batch and channels first.
    """

    network: Any = field(default_factory=Unet2d)
    version: str = "0.5.4"
    axes: str = ""
    pre: list[dict[str, Any]] = field(default_factory=list)
    post: list[dict[str, Any]] = field(default_factory=list)
    preprocess: Callable[[NDArray[Any]], NDArray[Any]] = lambda x: x
    activate: Callable[[NDArray[Any]], NDArray[Any]] = sigmoid
    batch: int = 1
    dtype: str = "float32"

    def tensors(self) -> tuple[NDArray[Any], NDArray[Any]]:
        network, random = self.network, np.random.default_rng(3)
        size = (32, 48) if network.ndim == 2 else (8, 16, 24)
        shape = (self.batch, network.channels, *size)
        # a plausible image where something is done to it, else what a network likes
        noise = random.gamma(2.0, 50.0 if self.pre else 1.0, size=shape)
        # channels and samples of different brightness show what is measured over what
        ramp = 1 + np.arange(self.batch * network.channels).reshape(shape[:2])
        given = (noise * ramp[(..., *[None] * network.ndim)]).astype(self.dtype)
        x = torch.from_numpy(self.preprocess(given.astype(np.float64)).astype(np.float32))
        with torch.inference_mode():
            logits = network.forward(network.state(), x)
        return given, self.activate(logits.numpy()).astype(np.float32)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.network.state(), folder / "weights.pt")
        own = "bc" + "zyx"[3 - self.network.ndim :]
        axes = self.axes or own
        for name, array in zip(("input", "output"), self.tensors(), strict=True):
            # without a batch axis there is one sample
            there = array if "b" in axes else array[0]
            order = [own[-there.ndim :].index(a) for a in axes]
            np.save(folder / f"test_{name}.npy", there.transpose(order))
        raw = self.description(axes, folder)
        path = folder / "bioimageio.yaml"
        path.write_text(yaml.safe_dump(raw), encoding="utf-8")
        return path

    def description(self, axes: str, folder: Path) -> dict[str, Any]:
        source = {"source": "weights.pt", "sha256": sha256(folder / "weights.pt")}
        raw: dict[str, Any] = {
            "type": "model",
            "format_version": self.version,
            "name": "A package",
            "license": "CC-BY-4.0",
            "authors": [{"name": "Ada"}],
            "cite": [{"text": "A paper", "doi": "10.1/2"}],
            "weights": {"pytorch_state_dict": {**source, "architecture": "evil.py:Evil"}},
            "documentation": "README.md",
            "covers": ["cover.png"],
        }
        sides = (("input", "inputs", "preprocessing"), ("output", "outputs", "postprocessing"))
        for (side, key, processing), steps in zip(sides, (self.pre, self.post), strict=True):
            tensor: dict[str, Any] = {processing: steps}
            if self.version.startswith("0.4"):
                tensor |= {"name": side, "axes": axes}
                raw[f"test_{key}"] = [f"test_{side}.npy"]
            else:
                tensor |= {"id": side, "axes": [self._axis(a, side) for a in axes]}
                file = folder / f"test_{side}.npy"
                tensor["test_tensor"] = {"source": file.name, "sha256": sha256(file)}
            raw[key] = [tensor]
        return raw

    def _axis(self, letter: str, side: str) -> dict[str, Any]:
        if letter == "b":
            return {"type": "batch"}
        if letter == "c":
            n = self.network.channels if side == "input" else self.network.classes
            return {"type": "channel", "channel_names": [f"{side}{i}" for i in range(n)]}
        scale = {"z": 300.0, "y": 200.0, "x": 100.0}[letter]
        return {"type": "space", "id": letter, "size": 8, "unit": "nanometer", "scale": scale}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def zipped(folder: Path, path: Path, inside: str = "", leave_out: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            if file.name != leave_out:
                archive.write(file, f"{inside}{file.name}")
    return path
