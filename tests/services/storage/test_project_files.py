"""Projects on the disk, from Python: written whole or not at all, and what is said of bad ones."""

from __future__ import annotations

import errno
import json
import os
import shutil

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.errors import UserError
from napari_unet.core.progress import finish
from napari_unet.services.files.provenance import read_record
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.storage.project import (
    FILE,
    VERSION,
    FileNote,
    LayerNote,
    Project,
    find_file,
    find_model,
    read_project,
)
from napari_unet.services.storage.project_files import digest, open_layer, save_project

PAINT = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)


def labels(name="paint", **more):
    return LayerNote(id=name, kind="labels", name=name, **more)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cells.unetproject"


def save(folder, *notes, pixels=None, **more):
    pixels = {note.id: PAINT for note in notes} if pixels is None else pixels
    return finish(save_project(folder, Project(layers=notes, **more), pixels))


def read_back(folder, i=0):
    return np.asarray(open_layer(folder, read_project(folder).layers[i]).data[...])


@examples(60)
@given(
    st.sampled_from(["bool", "uint8", "int16", "uint32", "int64", "uint64", "float16", "float32"])
    .flatmap(
        lambda dtype: arrays(dtype, st.lists(st.integers(1, 5), min_size=2, max_size=6).map(tuple))
    )
    .filter(lambda a: not np.isnan(a.astype(float)).any())
)
def test_pixels_come_back_as_they_were(tmp_path_factory, pixels):
    folder = tmp_path_factory.mktemp("any") / "x.unetproject"
    note = labels(look={"scale": [0.5] * pixels.ndim, "units": ["micrometer"] * pixels.ndim})
    save(folder, note, pixels={"paint": pixels})
    back = read_back(folder)
    assert back.dtype == pixels.dtype
    assert np.array_equal(back, pixels)
    assert digest(back) == read_project(folder).layers[0].digest


def test_what_was_set_comes_back(folder):
    note = labels(metadata={"napari_unet_kind": "objects", "deep": {"a": [1, None, "x"]}})
    options = SegmentOptions(threshold=0.3, channels=(1,))
    saved = save(folder, note, model="nuclei-fluorescence", segment=options)
    back = read_project(folder / FILE)
    assert back == saved
    assert back.layers[0].metadata == note.metadata
    assert back.segment == options
    assert find_model(folder, back) == "nuclei-fluorescence"


def test_labels_are_tiffs_that_others_open(folder):
    save(folder, labels("my paint / 1", look={"scale": [2, 0.5, 0.5], "units": ["micrometer"] * 3}))
    (path,) = folder.glob("*.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert file.imagej_metadata["spacing"] == 2
        assert np.array_equal(file.asarray(), PAINT)


def test_the_files_of_a_project_say_what_made_them(folder):
    model = {"name": "net", "source": "net", "sha256": "0"}
    result = {"made_by": {"by": "segment", "model": model, "inputs": {}, "options": {}}}
    save(
        folder,
        labels(metadata={"napari_unet": result}),
        pixels={"paint": np.eye(9, dtype=np.uint8)},
    )
    (stored,) = folder.glob("*.tif")
    record = read_record(stored)
    assert (record["by"], record["layer"], record["model"]) == ("project", "paint", model)
    assert "net" in CliRunner().invoke(app, ["made-by", str(stored)]).output


def test_only_what_has_changed_is_written_again(folder):
    one, two = labels("one"), labels("two")
    save(folder, one, two)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tif")}
    save(folder, one, two, pixels={"one": PAINT, "two": PAINT + 1})
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tif")}
    assert len(after) == 2
    assert len(before.items() & after.items()) == 1
    # somebody has painted in it with another program
    (first,) = folder.glob("one-*.tif")
    tifffile.imwrite(first, np.zeros_like(PAINT), photometric="minisblack")
    save(folder, one)
    assert np.array_equal(read_back(folder), PAINT)
    assert len(list(folder.glob("*.tif"))) == 1


@pytest.mark.parametrize("when", range(3))
def test_a_full_disk_leaves_the_former_project(folder, monkeypatch, when):
    save(folder, labels("one"), labels("two"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        # each file is flushed, and then the entries of the folder
        if len(calls) > 2 * when:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    changed = {"one": PAINT + 1, "two": PAINT + 2}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="There is no room"):
            save(folder, labels("one"), labels("two"), pixels=changed)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    save(folder, labels("one"), labels("two"), pixels=changed)
    assert np.array_equal(read_back(folder), PAINT + 1)


def test_what_was_cancelled_leaves_nothing(folder):
    job = save_project(folder, Project(layers=(labels("one"), labels("two"))), {"one": PAINT})
    next(job)
    next(job)
    assert list(folder.iterdir())
    job.close()
    assert not folder.exists()


def test_it_does_not_write_into_a_folder_with_something_else(folder):
    folder.mkdir()
    (folder / "thesis.doc").write_text("all of it")
    with pytest.raises(UserError, match="is a folder, but not a project"):
        save(folder, labels())
    assert (folder / "thesis.doc").read_text() == "all of it"
    assert len(list(folder.iterdir())) == 1


def test_an_image_is_found_where_the_folder_was_moved_to(tmp_path, folder):
    here = tmp_path / "here"
    (here / "images").mkdir(parents=True)
    path, folder = here / "images" / "cells.tif", here / "cells.unetproject"
    tifffile.imwrite(path, PAINT, photometric="minisblack")
    note = LayerNote(
        id="1",
        kind="image",
        name="cells",
        shape=PAINT.shape,
        dtype="uint8",
        file=FileNote(path=str(path)),
    )
    model = here / "my.safetensors"
    model.write_bytes(b"")
    save(folder, note, model=str(model))
    assert not list(folder.glob("*.tif"))
    there = tmp_path / "there"
    shutil.move(here, there)
    project = read_project(there / folder.name)
    found = find_file(there / folder.name, project.layers[0])
    assert found.samefile(there / "images" / "cells.tif")
    assert (there / "my.safetensors").samefile(find_model(there / folder.name, project))
    found.rename(there / "cells.tif")
    assert find_file(there / folder.name, project.layers[0]) == there / "cells.tif"
    (there / "cells.tif").unlink()
    with pytest.raises(UserError, match="“cells” is missing") as caught:
        find_file(there / folder.name, project.layers[0])
    assert "cells.tif" in caught.value.remedy
    assert str(path) in str(caught.value)


def test_a_layer_that_shows_only_a_part_of_its_file_is_stored(tmp_path, folder):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, PAINT, photometric="minisblack")
    note = LayerNote(
        id="1",
        kind="image",
        name="plane",
        shape=(4, 5),
        dtype="uint8",
        file=FileNote(path=str(path)),
    )
    saved = save(folder, note, pixels={"1": PAINT[1]})
    assert saved.layers[0].file is None
    assert np.array_equal(read_back(folder), PAINT[1])


def test_settings_that_are_not_known_are_left_out_and_named(folder):
    save(folder, labels())
    raw = json.loads((folder / FILE).read_text())
    raw["segment"] = {"tile": 64, "sharpen": True}
    (folder / FILE).write_text(json.dumps(raw))
    project = read_project(folder)
    assert project.segment == SegmentOptions(tile=64)
    assert project.ignored == ("segment.sharpen",)
    assert "ignored" not in project.model_dump()


def test_later_versions_are_told(folder):
    save(folder, labels())
    raw = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps({**raw, "version": VERSION + 1, "layers": "otherwise"}))
    with pytest.raises(UserError, match="later version") as caught:
        read_project(folder)
    assert "Update" in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b"3",
        b"{}",
        b'{"version": "1"',
        b'{"version": null}',
        b'{"version": 1, "layers": [{"id": "1", "kind": "surface", "name": "x"}]}',
        b'{"version": 1, "layers": [{"id": "1", "kind": "labels", "name": "x", "stored": "../a.tif"}]}',
        b'{"version": 1, "segment": {"threshold": 7}}',
        b"[" * 100_000,
    ],
)
def test_damaged_projects_are_told(folder, content):
    folder.mkdir()
    (folder / FILE).write_bytes(content)
    with pytest.raises(UserError, match="can't be opened") as caught:
        read_project(folder)
    assert "TIFF files" in caught.value.remedy
    # and one can save over it, without losing what is beside it
    (folder / "one-1.tif").write_bytes(b"paint")
    save(folder, labels())
    assert np.array_equal(read_back(folder), PAINT)
    assert (folder / "one-1.tif").read_bytes() == b"paint"


def test_what_is_no_project_is_told(tmp_path):
    with pytest.raises(UserError, match="is not a project") as caught:
        read_project(tmp_path)
    assert ".unetproject" in caught.value.remedy
    with pytest.raises(UserError, match="is not a project"):
        read_project(tmp_path / "nowhere")


def test_damaged_paint_is_told(folder):
    save(folder, labels())
    (path,) = folder.glob("*.tif")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"damaged|can't be"):
        read_back(folder)
    tifffile.imwrite(path, np.zeros((2, 2), np.uint8))
    with pytest.raises(UserError, match="another image"):
        read_back(folder)


def test_the_command_line_lists_what_is_there(folder, tmp_path):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, PAINT, photometric="minisblack")
    image = LayerNote(
        id="1",
        kind="image",
        name="cells",
        shape=PAINT.shape,
        dtype="uint8",
        file=FileNote(path=str(path)),
    )
    save(folder, image, labels(), model="small")
    run = CliRunner().invoke(app, ["project", str(folder)])
    assert run.exit_code == 0
    assert "cells.tif" in run.output
    assert "U-Net: small" in run.output
    path.unlink()
    run = CliRunner().invoke(app, ["project", str(folder)])
    assert run.exit_code == 1
    assert "MISSING" in run.output
    assert CliRunner().invoke(app, ["project", str(tmp_path)]).exit_code == 1
