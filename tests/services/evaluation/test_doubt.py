"""Lists of objects to look at, from outputs and from files."""

import csv

import numpy as np
import pytest
import tifffile
from networks import model_of
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.annotations.regions import Region
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.evaluation import doubt as module
from napari_unet.services.evaluation.doubt import doubt_objects, suspect_annotations
from napari_unet.services.segmentation.cached_outputs import CachedOutputs
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.relabel import relabel

SPEC = model_of(UNetConfig.classic(base=2, depth=1, out_channels=3), task="objects").spec


@pytest.fixture
def stack():
    """Outputs of a network for two planes with three squares each, and its objects."""
    maps = np.zeros((3, 2, 40, 90), np.uint8)
    for i in range(3):
        square = np.s_[:, 10:30, 10 + 30 * i : 25 + 30 * i]
        maps[0][square] = 255
        maps[2][square] = 120
        maps[2][:, 14:26, 14 + 30 * i : 21 + 30 * i] = 250
    outputs = CachedOutputs(Image(np.zeros((2, 40, 90)), "ZYX", name="stack"), SPEC, maps)
    return outputs, finish(relabel(outputs, SegmentOptions()))


def test_objects_of_all_planes_are_in_one_list_with_their_places(stack):
    outputs, labels = stack
    outputs.probabilities[0, 1][labels[1] == labels[1].max()] = 140
    columns = finish(doubt_objects(outputs, labels)).columns
    assert len(columns["label"]) == len(np.unique(labels)) - 1 == 6
    first = {name: values[0] for name, values in columns.items()}
    assert (first["label"], first["z"]) == (labels.max(), 1)
    assert first["centroid_y_px"] == pytest.approx(19.5)
    assert (np.diff(columns["doubt"]) <= 0).all()


def test_after_an_edit_only_the_plane_that_changed_is_looked_at(stack, monkeypatch):
    outputs, labels = stack
    known = finish(doubt_objects(outputs, labels))
    looked = []
    real = module.object_signs
    monkeypatch.setattr(
        module, "object_signs", lambda *args: (looked.append(args[0].copy()), real(*args))[1]
    )
    labels[1, 12:20, 12:20] = 0
    again = finish(doubt_objects(outputs, labels, known))
    assert len(looked) == 1
    assert (looked[0] == labels[1]).all()
    fresh = finish(doubt_objects(outputs, labels))
    assert again.columns["doubt"].tolist() == fresh.columns["doubt"].tolist()


def test_suspects_are_looked_for_only_where_the_annotation_applies(stack):
    outputs, labels = stack
    painted = np.where(labels == 1, 0, labels)
    everywhere = finish(suspect_annotations(outputs, Annotation(outputs.image, painted, "objects")))
    assert everywhere.columns["label"][0] == 0
    region = Region.box((0, 40), (30, 90), Z=(0, 1))
    part = Annotation(outputs.image, painted, "objects", (region,))
    columns = finish(suspect_annotations(outputs, part)).columns
    assert set(columns["label"].tolist()) == set(np.unique(labels[0, :, 30:]).tolist()) - {0}


def test_the_command_line_writes_a_table(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.zeros((64, 64), np.uint16)
    labels[5:20, 5:20], labels[30:50, 30:50] = 1, 2
    pixels = (rng.normal(30, 5, labels.shape) + 100 * (labels > 0)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "a_labels.tif", labels)
    given = ["--image", tmp_path / "a.tif", "--labels", tmp_path / "a_labels.tif"]
    for more, column in (([], "doubt"), (["--annotations"], "disagreement")):
        table = tmp_path / f"{column}.csv"
        command = ["doubt", *given, "--model", "nuclei-fluorescence", "-o", table, *more]
        result = CliRunner().invoke(app, list(map(str, command)))
        assert result.exit_code == 0, result.output
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {"1", "2"} <= {row["label"] for row in rows}
        assert all(float(row[column]) >= 0 and row["why"] for row in rows)
