"""Networks of other programs: what they compute here and what their own package computes.

    python tools/foreign_checkpoints.py FOLDER     with the packages installed, makes the checkpoints
    python benchmarks/importers.py FOLDER          here, needs none of them

For each checkpoint: the largest difference of the probabilities from the package's own, preprocessing
included, of the image as a whole and in tiles; the seconds to load it; what the network is.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_unet.core.device import Compute
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.importers import load_foreign
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.model.spec import Model
from napari_unet.core.tiling.plan import shortest_tile


def outputs(model: Model, image: np.ndarray, tile: int | None = None) -> np.ndarray:
    """Return the probabilities of the whole image."""
    spec = model.spec
    parts = frames(Image(image, "C" + spec.axes), spec.axes, range(spec.config.in_channels))
    found = np.empty((spec.config.out_channels, *image.shape[1:]), np.float32)
    for step in Predictor(model, Compute("cpu", "float32"), tile=tile).run(parts):
        if isinstance(step, Outputs):
            found[(slice(None), *step.write)] = step.values
    return found


def activated(model: Model, logits: np.ndarray) -> np.ndarray:
    """Return the probabilities for logits."""
    values = torch.from_numpy(logits)
    kinds = {"softmax": lambda x: x.softmax(0), "sigmoid": torch.sigmoid, "none": lambda x: x}
    return kinds[model.spec.activation](values).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    print(f"{'checkpoint':32} {'whole':>8} {'tiled':>8} {'seconds':>8}  network")
    for kept in sorted(folder.glob("*.npz")):
        arrays = np.load(kept)
        path = next(
            p
            for p in [*sorted(folder.glob(f"{kept.stem}.*")), kept.with_suffix("")]
            if p.suffix != ".npz" and p.exists()
        )
        start = time.perf_counter()
        model = load_foreign(path)
        seconds = time.perf_counter() - start
        expected = activated(model, arrays["output"])
        whole = np.abs(outputs(model, arrays["image"]) - expected).max()
        plan = Predictor(replace(model), Compute("cpu", "float32")).plan(expected.shape[1:])
        config = model.spec.config
        smallest = max(map(shortest_tile, plan.stride, plan.halo))
        tiled = np.abs(outputs(model, arrays["image"], smallest) - expected).max()
        kind = "exact" if config.tiles_exactly else "blended"
        print(
            f"{kept.stem:32} {whole:8.1e} {tiled:8.1e} {seconds:8.2f}  {model.spec.provenance.format}, "
            f"{kind}, halo {config.halo}, {len(getattr(config, 'layers', ()))} layers"
        )


if __name__ == "__main__":
    main()
