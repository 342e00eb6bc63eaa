"""Tracks that are there already, and the table of objects through time."""

import numpy as np

from napari_unet import Image, finish
from napari_unet.core.objects.measure import measure
from napari_unet.core.tracking.given import given_tracks
from napari_unet.core.tracking.over_time import over_time


def labels():
    """Object 4 divides into 7 and 8; 2 is missing for a frame."""
    stack = np.zeros((3, 20, 30), np.uint16)
    stack[0, 8:12, 10:16] = 4
    stack[1:, 8:12, 8:12] = 7
    stack[1:, 8:12, 14:18] = 8
    stack[0, :4, :4] = stack[2, :4, 3:7] = 2
    return stack


def test_tracks_are_those_of_the_labels_and_mothers_come_before_daughters():
    tracks = finish(given_tracks(Image(labels(), "TYX"), {7: 4, 8: 4, 2: 7, 30: 4, 4: 31}))
    assert set(tracks.track.tolist()) == {2, 4, 7, 8}
    assert dict(tracks.parents) == {7: 4, 8: 4}
    assert finish(given_tracks(Image(labels() * 0, "TYX"), {7: 4})).count == 0


def test_the_table_tells_track_parent_age_and_displacement():
    scale = {"T": 60.0, "Y": 0.5, "X": 0.5}
    image = Image(np.ones((3, 20, 30), np.float32), "TYX", scale, "micrometer")
    columns = over_time(finish(measure(image, labels())), {7: 4, 8: 4})
    rows = {
        (int(track), int(t)): i for i, (track, t) in enumerate(zip(columns["track"], columns["t"]))
    }
    assert list(columns)[:3] == ["track", "parent", "t"]
    assert [int(columns["parent"][rows[key]]) for key in ((4, 0), (7, 1), (8, 2))] == [0, 4, 4]
    assert [int(columns["age"][rows[key]]) for key in ((2, 0), (2, 2), (8, 2))] == [0, 2, 1]
    moved = columns["displacement_um"]
    assert np.isnan(moved[rows[2, 0]])
    assert moved[rows[2, 2]] == 1.5
    assert moved[rows[8, 2]] == 0


def test_objects_of_several_planes_a_frame_have_no_age():
    columns = {"label": np.array([4, 7]), "t": np.array([0, 0]), "z": np.array([0, 1])}
    found = over_time(columns, {7: 4})
    assert list(found) == ["track", "parent", "t", "z", "label"]
    assert found["parent"].tolist() == [0, 4]
