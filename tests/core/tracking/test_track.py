"""Objects followed through time."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from places import REPOSITORY

from napari_unet import Image, TrackingOptions, UserError, jobs, track
from napari_unet.core.progress import Notice


def frames(*places_of_frames, side=6, shape=(48, 64)):
    """Squares at (y, x) in each frame, numbered anew from 1 in each."""
    stack = np.zeros((len(places_of_frames), *shape), np.uint16)
    for t, places in enumerate(places_of_frames):
        for number, (y, x) in enumerate(places, start=1):
            stack[t, y : y + side, x : x + side] = number
    return Image(stack, "TYX")


def paths(tracks):
    """The centres of each track, by frame."""
    found = {}
    for number, t, centre in zip(tracks.track, tracks.frame, tracks.centre):
        found.setdefault(int(number), {})[int(t)] = tuple(centre)
    return found


def test_numbers_stay_with_objects_in_whatever_order_frames_number_them():
    labels = frames([(4, 4), (30, 40)], [(32, 41), (5, 6)], [(8, 8), (33, 43)])
    tracks = track(labels)
    assert tracks.count == 2
    assert tracks.divisions == 0
    assert not tracks.kept
    assert [round(y) for y, _ in paths(tracks)[1].values()] == [6, 8, 10]
    renumbered = [tracks.renumbered(labels.data[t], t) for t in range(3)]
    assert [frame[34, 43] for frame in renumbered] == [2, 2, 2]
    assert all((frame > 0).sum() == (old > 0).sum() for frame, old in zip(renumbered, labels.data))


@settings(max_examples=8)
@given(st.data())
def test_each_object_is_in_one_track_and_once_in_a_frame(data):
    grid = [(y, x) for y in (2, 14, 26) for x in (2, 16, 30, 44)]
    chosen = st.lists(st.sampled_from(grid), unique=True, min_size=1)
    places = data.draw(st.lists(chosen, min_size=2, max_size=5))
    tracks = track(frames(*places))
    assert len(tracks.track) == sum(map(len, places))
    assert tracks.track.min() >= 1
    pairs = set(zip(tracks.track.tolist(), tracks.frame.tolist()))
    assert len(pairs) == len(tracks.track)
    assert set(tracks.parents) | set(tracks.parents.values()) <= set(tracks.track.tolist())
    # what stays in place stays the same
    for t in range(1, len(places)):
        for place in set(places[t]) & set(places[t - 1]):
            here = [
                tracks.track[(tracks.frame == s) & (tracks.label == places[s].index(place) + 1)]
                for s in (t - 1, t)
            ]
            assert here[0] == here[1]


def test_a_division_gives_both_daughters_numbers_of_their_own():
    labels = frames([(20, 30), (2, 2)], [(20, 24), (20, 36), (2, 2)], [(20, 22), (20, 38), (2, 2)])
    tracks = track(labels)
    assert tracks.divisions == 1
    assert tracks.graph == {3: [1], 4: [1]}
    assert set(paths(tracks)[1]) == {0}
    assert set(paths(tracks)[3]) == {1, 2}
    assert track(labels, TrackingOptions(divisions=False)).graph == {}


def test_links_of_real_nuclei_are_those_that_were_looked_at(shared_data):
    listed = (
        (REPOSITORY / "benchmarks/parts/hela_links.txt").read_text(encoding="ascii").splitlines()
    )
    true = [tuple(map(int, line.split())) for line in listed if line[0].isdigit()]
    file = shared_data / "timelapse-hela" / "objects_machine.tif"
    labels = tifffile.imread(file, key=range(6, 9))
    for _, t, number in (line.split() for line in listed if line.startswith("? ")):
        if int(t) >= 6:
            labels[int(t) - 6][labels[int(t) - 6] == int(number)] = 0
    tracks = track(Image(labels, "TYX"))
    of = dict(zip(zip(tracks.frame.tolist(), tracks.label.tolist()), tracks.track.tolist()))
    at = {(t, track_number): label for (t, label), track_number in of.items()}
    found = set()
    for (t, label), number in of.items():
        for before in (number, tracks.parents.get(number)):
            if (t - 1, before) in at:
                found.add((t + 5, at[t - 1, before], label))
    assert found == {link for link in true if link[0] >= 6}


def test_an_object_that_appears_beside_another_is_no_daughter():
    assert track(frames([(20, 30)], [(20, 30), (20, 38)])).graph == {}


def test_condensed_daughters_may_lie_to_one_side_of_their_mother():
    labels = np.stack([np.zeros((60, 80), np.uint8)] * 2)
    for number, (y, x) in enumerate([(2, 2), (2, 60), (44, 2), (44, 60)], start=1):
        labels[:, y : y + 12, x : x + 12] = number
    labels[0, 25:32, 25:32] = labels[1, 25:32, 26:33] = 7
    labels[1, 25:32, 39:46] = 8
    assert len(track(Image(labels, "TYX")).parents) == 2


def test_a_daughter_is_not_taken_for_an_object_that_was_missing():
    neighbours = [(2, 2), (40, 2), (40, 56)]
    labels = frames(
        [(20, 30), (20, 37), *neighbours],
        [(20, 30), *neighbours],
        [(20, 27), (20, 34), *neighbours],
    )
    tracks = track(labels)
    assert tracks.divisions == 1
    assert set(paths(tracks)[2]) == {0}


@pytest.mark.parametrize(("max_gap", "count"), [(0, 2), (1, 1)])
def test_an_object_missing_in_a_frame_is_found_again(max_gap, count):
    labels = frames([(20, 30)], [], [(20, 32)])
    steps = list(jobs.track(labels, TrackingOptions(max_gap=max_gap)))
    assert any(isinstance(step, Notice) and "frame 1" in step.text for step in steps)
    assert track(labels, TrackingOptions(max_gap=max_gap)).count == count


def test_labels_that_are_tracks_keep_their_numbers():
    labels = frames([(4, 4), (30, 40)], [(5, 6), (32, 41)])
    labels.data[labels.data == 2] = 70
    tracks = track(labels)
    assert tracks.kept
    assert set(tracks.track.tolist()) == {1, 70}
    assert np.array_equal(tracks.renumbered(labels.data[1], 1), labels.data[1])


def test_more_tracks_than_16_bits_hold():
    stack = np.zeros((2, 260, 520), np.uint32)
    stack[0, :, ::2] = np.arange(1, 67_601).reshape(260, 260)
    stack[1, 0, 0] = 9
    tracks = track(Image(stack, "TYX"), TrackingOptions(divisions=False))
    assert tracks.count == 67_600
    assert tracks.dtype == np.uint32
    assert tracks.renumbered(stack[0], 0).max() == 67_600


def test_volumes_are_measured_in_their_unit():
    stack = np.zeros((2, 4, 12, 12), np.uint8)
    stack[:, 1:3, 2:6, 2:6] = 5
    stack[1] = np.roll(stack[1], 1, axis=-1)
    scale = {"T": 60.0, "Z": 2.0, "Y": 0.5, "X": 0.5}
    tracks = track(Image(stack, "TZYX", scale, "micrometer"))
    columns = tracks.columns()
    assert columns["volume_um3"].tolist() == [16.0, 16.0]
    assert columns["displacement_um"][1] == pytest.approx(0.5)
    assert columns["time_s"][1] == 60
    assert tracks.points().shape == (2, 5)


@pytest.mark.parametrize(
    ("data", "axes", "problem"),
    [
        (np.ones((3, 8, 8), np.uint8), "ZYX", "no time axis"),
        (np.ones((1, 8, 8), np.uint8), "TYX", "single frame"),
        (np.ones((2, 2, 8, 8), np.uint8), "TCYX", "axes that can't be tracked"),
        (np.ones((2, 8, 8), np.float32), "TYX", "does not hold labels"),
        (np.full((2, 8, 8), -1, np.int16), "TYX", "out of range"),
        (np.zeros((2, 8, 8), np.uint8), "TYX", "has no objects"),
    ],
)
def test_what_cannot_be_tracked_is_told(data, axes, problem):
    with pytest.raises(UserError, match=problem):
        track(Image(data, axes))
