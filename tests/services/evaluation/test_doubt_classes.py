"""Doubts about what networks of classes, and networks of volumes, have found."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from networks import model_of

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.evaluation.doubt import doubt_objects, suspect_annotations
from napari_unet.services.evaluation.doubt_files import doubt_all
from napari_unet.services.evaluation.evaluate import compare_labels
from napari_unet.services.evaluation.label_pairs import LabelPair, read_label_pairs
from napari_unet.services.evaluation.mistakes import in_pixels
from napari_unet.services.files.pairs import find_pairs
from napari_unet.services.segmentation.cached_outputs import CachedOutputs
from napari_unet.services.segmentation.options import SegmentOptions

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("activation", "n"), [("softmax", 2), ("sigmoid", 1)])
def test_of_two_objects_the_one_that_classes_are_unsure_of_comes_first(activation, n):
    spec = model_of(UNetConfig.classic(base=2, depth=1, out_channels=n), activation=activation).spec
    labels = np.zeros((30, 60), np.uint16)
    labels[5:20, 5:20], labels[5:20, 35:50] = 1, 2
    sure = np.where(labels == 1, 250, np.where(labels == 2, 150, 5)).astype(np.uint8)
    maps = np.stack([255 - sure, sure]) if n == 2 else sure[None]
    outputs = CachedOutputs(Image(np.zeros((30, 60)), "YX", name="cells"), spec, maps)
    columns = finish(doubt_objects(outputs, labels)).columns
    assert columns["label"].tolist() == [2, 1]
    annotation = Annotation(outputs.image, np.where(labels == 1, 0, labels), "objects")
    suspects = finish(suspect_annotations(outputs, annotation)).columns
    # found, and not annotated
    assert suspects["label"][0] == 0


def test_in_volumes_planes_that_are_not_painted_are_unknown():
    config = UNetConfig.classic(base=2, depth=1, ndim=3)
    spec = model_of(config, activation="sigmoid").spec
    labels = np.zeros((4, 30, 40), np.uint16)
    labels[1:3, 5:20, 5:20] = 1
    maps = np.where(labels > 0, 250, 5).astype(np.uint8)[None]
    outputs = CachedOutputs(Image(np.zeros(labels.shape), "ZYX", name="cells"), spec, maps)
    none = Annotation(outputs.image, np.zeros_like(labels), "objects")
    assert not len(finish(suspect_annotations(outputs, none)).columns["label"])
    right = Annotation(outputs.image, labels, "objects")
    assert set(finish(suspect_annotations(outputs, right)).columns["label"].tolist()) <= {1}


def test_the_objects_of_several_images_are_in_one_list(tmp_path):
    model = model_of(UNetConfig.classic(base=2, depth=1), activation="sigmoid")
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", RNG.normal(size=(24, 30)).astype(np.float32))
        labels = np.zeros((24, 30), np.uint16)
        labels[3:12, 4:15] = 1
        tifffile.imwrite(tmp_path / f"{name}_labels.tif", labels)
    files = find_pairs([str(tmp_path / "[ab].tif")], [str(tmp_path / "*_labels.tif")])
    job = doubt_all(files, model, SegmentOptions(device="cpu", precision="float32"))
    columns = finish(job)
    assert len(columns["label"]) == 2
    assert (np.diff(columns["doubt"]) <= 0).all()
    assert any("a" in map(str, values) for values in columns.values())


def test_pixels_without_a_true_label_do_not_count(tmp_path):
    truth = np.zeros((20, 30), np.int16)
    truth[3:9, 3:9] = 1
    truth[:, 20:] = -1
    found = np.maximum(truth, 0).astype(np.uint16)
    found[5:15, 22:28] = 2
    for name, labels in {"found.tif": found, "true.tif": truth}.items():
        tifffile.imwrite(tmp_path / name, labels)
    pairs = read_label_pairs([tmp_path / "found.tif"], [tmp_path / "true.tif"], kind="objects")
    scores = finish(compare_labels(pairs, "objects"))
    assert scores.objects is not None
    nothing = LabelPair(Image(found, "YX"), np.full_like(truth, -1))
    assert finish(compare_labels([nothing], "classes")).classes is not None


def test_without_objects_no_pixel_is_of_any():
    labels = np.zeros((3, 4), np.uint8)
    assert not in_pixels(labels, np.zeros(0, np.int64), np.zeros(0, np.uint8)).any()
