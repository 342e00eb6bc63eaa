"""Labels are compared with what a network is sure of, frame by frame; here its answer is given."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from networks import model_of

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import Progress, finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.checking.network import check_with

SIDE = 64


def squares(n=16):
    """Labels of squares of 8 pixels, in rows of four."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    for i in range(n):
        row, column = 16 * (i // 4) + 4, 16 * (i % 4) + 4
        labels[row : row + 8, column : column + 8] = i + 1
    return labels


@pytest.fixture(params=["semantic", "objects"])
def answer(request, monkeypatch):
    """Check labels with a network of each task that is sure of what is given."""
    outputs = 3 if request.param == "objects" else 1
    config = UNetConfig.classic(base=2, depth=1, out_channels=outputs)
    model = model_of(config, activation="sigmoid", task=request.param)

    def check(labels, found):
        probabilities = np.zeros((outputs, *found.shape), np.float32)
        probabilities[0] = 0.95 * (found > 0)

        def segmented(_):
            yield Progress(0, 1)
            return SimpleNamespace(labels=found, probabilities=probabilities)

        monkeypatch.setattr("napari_unet.services.checking.network.segment_prepared", segmented)
        axes = "TYX" if labels.ndim == 3 else "YX"
        image = Image(np.zeros(labels.shape, np.uint8), axes, name="cells")
        scribbles = Annotation(image, labels.clip(0, 2), "scribbles", name="scribbles")
        objects = Annotation(image, labels, "objects", name="cells")
        return finish(check_with([scribbles, objects], model))

    return check


def test_right_labels_are_no_finding(answer):
    assert answer(squares(), squares()) == []


def test_objects_without_a_label_are_named_with_their_place_and_frame(answer):
    labels = np.stack([squares(), squares(10)])
    (finding,) = answer(labels, np.stack([squares(), squares()]))
    assert finding.fault == "missing objects"
    assert finding.pair == 1, "scribbles say nothing of objects"
    assert "6 objects without a label, beside 10" in finding.message
    assert finding.place.index == {"T": 1}
    assert finding.place.rows[0] >= 32


def test_two_objects_under_one_number_are_named(answer):
    labels, found = squares(), squares()
    labels[4:12, 4:28] = 1
    found[4:12, 4:16], found[4:12, 16:28] = 1, 2
    (finding,) = answer(labels, found)
    assert finding.fault == "several objects"
    assert "number 1 seems to be 2 objects" in finding.message
