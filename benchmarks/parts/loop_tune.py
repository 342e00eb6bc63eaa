"""Clicks and seconds to a first result, and from a correction to the result of a tuned network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from parts.loop_window import SIDE, Hand, pause, rest, until, window

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from numpy.typing import NDArray

    Pair = tuple[NDArray[Any], NDArray[Any]]

NETWORK = "nuclei-fluorescence"
CORRECTED = "351771edfc5db566.tif"
LIKE = "212b858a66f0d237.tif", "7f2b154541166210.tif"
"""Images of one kind that were set aside before the network was trained: one to correct, the others to
see what became of those that nobody corrected."""
LEVELS = 0.5, 0.8
FOUND = 0.7
"""IoU from which on an object counts as right: others are painted anew."""


def sample(_: argparse.Namespace) -> dict[str, float]:
    """From the sample to a result, by what the dock says comes next."""
    with window(plugin=True) as (viewer, studio):
        viewer.open_sample("napari-unet-studio", "nuclei")
        hand, start = Hand(), time.perf_counter()
        # its panel is in front
        until(lambda: "Segment" in studio.advice_label.text())
        hand.click(studio.show_page("Segment").segment_button)
        until(lambda: studio.session.model is not None)
        rest(studio)
        took = time.perf_counter() - start
        assert viewer.layers["nuclei stack objects"].data.any()
    return {"clicks (goal: 3 at most)": hand.clicks, "seconds": took}


def tune(options: argparse.Namespace) -> dict[str, float]:
    """From a correction to what the tuned network finds."""
    folder = options.data / "nuclei-dsb2018"
    image, truth = read(folder, CORRECTED)
    with window(plugin=True) as (viewer, studio):
        viewer.add_image(image, name="cells")
        studio.session.load(NETWORK)
        rest(studio)
        old = studio.session.model
        studio.show_page("Segment").segment_button.click()
        rest(studio)
        annotate = studio.show_page("Annotate")
        annotate.source.correct_button.click()
        layer = annotate.annotation.layer
        painted = correct(layer, truth)
        pause(1.0)
        hand, start = Hand(), time.perf_counter()
        hand.click(annotate.quick_button)
        until(lambda: studio.session.training is not None)
        rest(studio)
        tuned = time.perf_counter() - start
        panel, result = studio.show_page("Fine-tune"), studio.session.training.result
        print(f"  {result.verdict}", flush=True)
        hand.click(panel.outcome.comparison.keep_button)
        until(lambda: "cells preview" in viewer.layers)
        rest(studio)
        took = time.perf_counter() - start
        assert viewer.layers["cells preview"].data.any()
        new = studio.session.model
        assert new is not old
    figures: dict[str, float] = {
        "clicks (goal: 2 at most)": hand.clicks,
        "seconds until the tuned network's result is seen (goal: 90)": took,
        "of these, until both networks are compared": tuned,
        "steps": result.trained.status.step,
        "objects painted anew": painted,
        "IoU on held-out paint, old": mean_iou(result.before),
        "IoU on held-out paint, tuned": mean_iou(result.after),
    }
    figures |= compared("the corrected image", [(image, truth)], old, new)
    figures |= compared("others like it", [read(folder, name) for name in LIKE], old, new)
    return {name: float(value) for name, value in figures.items()}


def mean_iou(scores: Any) -> float:
    """Return the mean of the classes without the background."""
    return float(np.mean([score.iou for score in scores[1:]]))


def compared(what: str, pairs: list[Pair], old: Any, new: Any) -> dict[str, float]:
    """Return how both networks do on some images."""
    figures = {}
    for name, model in (("old", old), ("tuned", new)):
        found = np.mean([scores(whole(image, model), truth) for image, truth in pairs], axis=0)
        for kind, value in zip(("AP 0.5", "AP 0.8", "IoU"), found, strict=True):
            figures[f"{what}: {kind}, {name}"] = value
    return figures


def read(folder: Path, name: str) -> Pair:
    """Return a corner of an image, 512², and its objects."""
    import tifffile

    image, truth = (tifffile.imread(folder / part / name) for part in ("images", "masks"))
    return image[:SIDE, :SIDE], truth[:SIDE, :SIDE].astype(np.int32)


def correct(layer: Any, truth: NDArray[Any]) -> int:
    """Paint objects that were found wrongly or not at all, erase what is none; return how many."""
    count, number = 0, int(layer.data.max())
    for i in np.unique(truth[truth > 0]):
        inside = truth == i
        there = np.bincount(layer.data[inside])
        best = int(there[1:].argmax()) + 1 if len(there) > 1 else 0
        union = inside | (layer.data == best) if best else inside
        if best and there[best] / union.sum() >= FOUND:
            continue
        count, number = count + 1, number + 1
        wrong = (
            (layer.data == best) & (truth != i) & (truth == 0) if best else np.zeros_like(inside)
        )
        layer.data_setitem(np.nonzero(wrong), 0)
        layer.data_setitem(np.nonzero(inside), number)
    for j in np.unique(layer.data[layer.data > 0]):
        own = layer.data == j
        if not (truth[own] > 0).any():
            count += 1
            layer.data_setitem(np.nonzero(own), 0)
    return count


def whole(image: NDArray[Any], model: Any) -> NDArray[Any]:
    """Segment an image as the panel does."""
    from napari_unet.core.image.axes import Image
    from napari_unet.core.progress import finish
    from napari_unet.services.segmentation.segment import segment

    return finish(segment(Image(image, "YX"), model)).labels


def scores(found: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """Return the average precision at IoU 0.5 and 0.8, and the IoU of the pixels."""
    from napari_unet.core.evaluation.matching import THRESHOLDS, ObjectScores
    from napari_unet.core.evaluation.overlaps import Overlaps

    precision = ObjectScores.of(Overlaps.of(found, truth)).ap[0]
    inside, there = found > 0, truth > 0
    iou = (inside & there).sum() / (inside | there).sum()
    return np.array([*(precision[THRESHOLDS.index(level)] for level in LEVELS), iou])
