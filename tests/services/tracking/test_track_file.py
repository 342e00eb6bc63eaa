"""Label files tracked, from the command line and as the Cell Tracking Challenge takes them."""

import csv

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet import Image, UserError, finish, open_image, save_labels, track
from napari_unet.cli import app
from napari_unet.services.tracking.challenge import save_challenge
from napari_unet.services.tracking.track_file import TrackOutputs, track_file


@pytest.fixture
def stack():
    """One object divides, one is missing for a frame."""
    labels = np.zeros((4, 40, 60), np.uint16)
    labels[0, 16:22, 26:32] = 1
    labels[1:, 16:22, 20:26] = 2
    labels[1:, 16:22, 32:38] = 1
    labels[[0, 1, 3], 2:8, 2:8] = 9
    return labels


def test_the_command_writes_labels_a_table_and_challenge_files(tmp_path, stack):
    save_labels(tmp_path / "objects.tif", stack, Image(stack, "TYX", {"T": 30.0}))
    arguments = [
        "track",
        "objects.tif",
        "-o",
        "out.tif",
        "--table",
        "out.csv",
        "--challenge",
        "res",
    ]
    arguments = [a if a[0] == "-" or a == "track" else str(tmp_path / a) for a in arguments]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "4 tracks, 1 divisions in 4 frames" in result.output
    written = open_image(tmp_path / "out.tif")
    labels = np.asarray(written.data[...])
    assert written.axes == "TYX"
    assert labels.dtype == np.uint16
    assert len(set(labels[[0, 1, 3], 4, 4].tolist())) == 1
    assert len({labels[0, 18, 28], labels[1, 18, 22], labels[1, 18, 34]}) == 3
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert len(rows) == 10
    assert {row["time_s"] for row in rows} == {"0.0", "30.0", "60.0", "90.0"}
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1
    assert "already exists" in again.output


def test_challenge_files_agree_with_their_masks(tmp_path, stack):
    labels = Image(stack, "TYX")
    finish(save_challenge(tmp_path / "res", labels, track(labels)))
    lines = [
        tuple(map(int, line.split()))
        for line in (tmp_path / "res/res_track.txt").read_text().splitlines()
    ]
    masks = [tifffile.imread(tmp_path / f"res/mask{t:03d}.tif") for t in range(4)]
    for number, begin, end, parent in lines:
        assert [t for t in range(4) if (masks[t] == number).any()] == list(range(begin, end + 1))
        assert parent == 0 or next(line for line in lines if line[0] == parent)[2] < begin
    assert {n for mask in masks for n in np.unique(mask)} == {0, *(line[0] for line in lines)}
    # two daughters, and what was found again
    assert sorted(parent for *_, parent in lines if parent) == [1, 1, 2]


def test_challenge_files_need_a_folder_of_their_own(tmp_path, stack):
    (tmp_path / "other.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        finish(save_challenge(tmp_path, Image(stack, "TYX"), track(Image(stack, "TYX"))))
    assert [p.name for p in tmp_path.iterdir()] == ["other.txt"]


def test_cancelled_challenge_files_leave_nothing(tmp_path, stack):
    labels = Image(stack, "TYX")
    job = save_challenge(tmp_path / "res", labels, track(labels))
    next(job)
    next(job)
    job.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_each_frame_is_told_while_files_are_written_and_cancelling_leaves_none(
    tmp_path, stack, name
):
    source = tmp_path / "objects.tif"
    save_labels(source, stack, Image(stack, "TYX"))
    outputs = TrackOutputs(tmp_path / name, challenge=tmp_path / "res")
    steps = list(track_file(source, outputs))
    assert len([step for step in steps if "writing" in step.note]) >= 2 * len(stack)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    labels = np.asarray(open_image(tmp_path / name).data[...]).reshape(stack.shape)
    assert np.array_equal(labels > 0, stack > 0)
    outputs = TrackOutputs(tmp_path / f"other-{name}")
    job = track_file(source, outputs)
    while "writing" not in next(job).note:
        pass
    job.close()
    assert {path.name for path in tmp_path.iterdir()} == {"objects.tif", name, "res"}


def test_a_file_without_time_says_how_to_name_it(tmp_path, stack):
    save_labels(tmp_path / "z.tif", stack, Image(stack, "ZYX"))
    result = CliRunner().invoke(
        app, ["track", str(tmp_path / "z.tif"), "-o", str(tmp_path / "o.tif")]
    )
    assert result.exit_code == 1
    assert "--axes TYX" in result.output
    assert not (tmp_path / "o.tif").exists()


def test_labels_are_not_replaced_by_their_tracks(tmp_path, stack):
    path = tmp_path / "objects.tif"
    save_labels(path, stack, Image(stack, "TYX"))
    with pytest.raises(UserError, match="can't replace those that they are made from"):
        TrackOutputs(labels=path).check(path, overwrite=True)


def test_challenge_files_take_an_empty_folder_and_no_more_tracks_than_they_hold(
    tmp_path, stack, monkeypatch
):
    image = Image(stack, "TYX")
    tracks = track(image)
    (tmp_path / "res").mkdir()
    n = finish(save_challenge(tmp_path / "res", image, tracks))
    assert len((tmp_path / "res" / "res_track.txt").read_text().splitlines()) == n
    monkeypatch.setattr("napari_unet.services.tracking.challenge.HIGHEST", n - 1)
    with pytest.raises(UserError, match="too many tracks"):
        finish(save_challenge(tmp_path / "more", image, tracks))
    assert [path.name for path in tmp_path.iterdir()] == ["res"]
