"""Files of earlier versions open, and mean what they meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from networks import model_of

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.image.axes import Image
from napari_unet.core.model.file import load_model
from napari_unet.core.model.spec import ModelSpec
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment
from napari_unet.services.storage.journal_files import JournalFiles
from napari_unet.services.storage.project import read_project
from napari_unet.services.storage.project_files import open_layer
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.options import FinetuneOptions

OLD = Path(__file__).parent / "old_files"


@pytest.fixture
def image():
    return Image(tifffile.imread(OLD / "image.tif"), "YX", name="image")


@pytest.fixture
def annotation():
    return tifffile.imread(OLD / "paint.tif")


def test_a_model_gives_the_labels_it_gave(image):
    model = load_model(OLD / "tuned.safetensors")
    assert model.spec.provenance.origin == "tuned from small"
    options = SegmentOptions(device="cpu", precision="float32")
    labels = finish(segment(image, model, options)).labels
    assert np.array_equal(labels, np.load(OLD / "labels.npy"))


def test_an_interrupted_training_goes_on_where_it_was(image, annotation, tmp_path):
    state = shutil.copy(OLD / "interrupted.training", tmp_path)
    options = FinetuneOptions.model_validate_json((OLD / "options.json").read_text())
    learnt = Annotation(image, annotation, "scribbles", name="paint")
    parent = model_of(
        UNetConfig.classic(base=2, depth=2),
        name="small",
        activation="sigmoid",
        classes=("cell",),
        normalization=ModelSpec.model_fields["normalization"].default,
    )
    job = finetune([learnt], parent, options, state=Path(state))
    steps = [step.done for step in job if step.done and step.total == options.steps]
    assert min(steps) == 11, "it did not begin where it was interrupted"
    assert max(steps) == options.steps


def test_a_journal_gives_the_paint_back(annotation, tmp_path):
    folder = shutil.copytree(OLD / "journal", tmp_path / "journal")
    files = JournalFiles(Path(folder))
    (left,) = files.restorable()
    assert (left.note.name, left.note.kind, left.note.image.name) == ("paint", "scribbles", "image")
    assert np.array_equal(files.claim(left.path).read().paint, annotation)


def test_a_project_says_what_it_said(annotation):
    project = read_project(OLD / "cells.unetproject")
    assert [layer.name for layer in project.layers] == ["image", "paint"]
    assert project.segment == SegmentOptions(
        threshold=0.3, objects=True, separation=0.4, mirror=True
    )
    assert project.finetune is not None
    assert (project.finetune.steps, project.finetune.classes) == (40, ("cell",))
    pixels = open_layer(OLD / "cells.unetproject", project.layers[1]).data
    assert np.array_equal(np.asarray(pixels[...]), annotation)


def test_options_are_read():
    options = FinetuneOptions.model_validate_json((OLD / "options.json").read_text())
    assert (options.steps, options.minutes, options.patch) == (40, None, 32)
    assert options.augment.rotation == 180
