"""The journal of paint: changes are read back exactly, wherever it breaks off, by one process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.core.errors import UserError
from napari_unet.core.journal.blocks import Blocks
from napari_unet.core.journal.records import (
    ImageIdentity,
    PaintNote,
    note_record,
    read_note,
    replay,
    start_of_file,
)
from napari_unet.core.journal.records import _record as record_of
from napari_unet.core.journal.run_length import pack_pixels, unpack_pixels
from napari_unet.services.storage import journal as journal_module
from napari_unet.services.storage.journal import Journal
from napari_unet.services.storage.journal_files import JournalFiles

DTYPES = st.sampled_from([f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)])


def note_of(labels, name="paint", **look):
    image = ImageIdentity(name="cells", path="", shape=labels.shape)
    shape, dtype = labels.shape, labels.dtype.name
    return PaintNote(name=name, image=image, kind="scribbles", shape=shape, dtype=dtype, look=look)


def update(journal, labels, note=None, **how):
    """Write all changes; returns whether any were left."""
    return journal.update(note or note_of(labels), labels, sweep=True, seconds=60, **how)


def disc(labels, y, x, radius, value):
    rows, columns = np.ogrid[: labels.shape[-2], : labels.shape[-1]]
    labels[..., (rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = value


@pytest.mark.parametrize(
    "change",
    [{"dtype": "float32"}, {"dtype": "object"}, {"shape": (5,)}, {"shape": (3, -1)}, {"kind": "?"}],
)
def test_a_description_that_describes_no_labels_is_damage(tmp_path, change):
    """Whole, with its checksum, but written by something else."""
    said = {**note_of(np.zeros((4, 5), np.uint8)).model_dump(), **change}
    path = tmp_path / "x.paint"
    content = PaintNote.model_construct(**said).model_dump_json(warnings=False)
    path.write_bytes(start_of_file() + record_of(1, content.encode()))
    for read in (read_note, replay):
        with pytest.raises(UserError, match=r"x\.paint"):
            read(path)


def test_a_description_of_more_than_memory_holds_is_told(tmp_path):
    path = tmp_path / "x.paint"
    note = note_of(np.zeros((4, 5), np.uint8)).model_copy(update={"shape": (1 << 30, 1 << 30)})
    path.write_bytes(start_of_file() + note_record(note))
    with pytest.raises(UserError, match="not enough memory"):
        replay(path)


@st.composite
def histories(draw):
    """A labels array and the states it goes through."""
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=4, max_side=7))
    dtype = np.dtype(draw(DTYPES))
    numbers = st.integers(np.iinfo(dtype).min, np.iinfo(dtype).max)
    labels = np.zeros(shape, dtype)
    states = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            # a stroke, which is made of few values
            mask = draw(arrays.arrays(bool, shape))
            labels = np.where(mask, np.array(draw(numbers), dtype), labels)
        else:
            labels = draw(arrays.arrays(dtype, shape, elements=numbers))
        states.append(labels)
    return states


@given(histories(), st.booleans())
def test_any_changes_are_replayed_exactly(tmp_path_factory, states, in_parts):
    journal = Journal(tmp_path_factory.mktemp("journal") / "x.paint")
    for labels in states:
        left = in_parts and journal.update(note_of(labels), labels, sweep=True, seconds=0)
        while left:
            left = journal.update(note_of(labels), labels, seconds=0)
        update(journal, labels)
        found = replay(journal.path) if labels.any() or journal.path.exists() else None
        if found is not None:
            assert np.array_equal(found.paint, labels)
            assert found.paint.dtype == labels.dtype
    assert found is None or found.end == journal.path.stat().st_size


@given(DTYPES, st.data())
def test_pixels_come_back_as_they_were(dtype, data):
    dtype = np.dtype(dtype)
    size = data.draw(st.integers(1, 2**40))
    wanted = data.draw(st.sets(st.integers(0, size - 1), max_size=40))
    indices = np.array(sorted(wanted), np.int64)
    info = np.iinfo(dtype)
    values = data.draw(arrays.arrays(dtype, len(indices), elements=st.integers(info.min, info.max)))
    one, other = unpack_pixels(pack_pixels(indices, values), dtype, size)
    assert np.array_equal(one, indices)
    assert np.array_equal(other, values)
    if wanted:
        with pytest.raises(ValueError, match="beyond"):
            unpack_pixels(pack_pixels(indices, values), dtype, max(wanted))


@pytest.mark.parametrize(
    "packed",
    [b"no zip", zlib.compress(b"short"), zlib.compress(bytes(40)), zlib.compress(bytes([9]) * 40)],
)
def test_bytes_of_something_else_are_no_pixels(packed):
    with pytest.raises(ValueError, match="packed pixels"):
        unpack_pixels(packed, np.dtype(np.uint8), 100)


def test_after_a_record_that_does_not_fit_what_was_whole_is_given(tmp_path):
    labels = np.zeros((6, 7), np.uint8)
    labels[2, 3] = 4
    note = note_record(note_of(labels))
    pixels = record_of(2, pack_pixels(np.array([17]), np.array([4], np.uint8)))
    larger = note_record(note_of(np.zeros((9, 9), np.uint8)))
    path = tmp_path / "x.paint"
    for more in (
        larger,
        record_of(2, b"no pixels"),
        record_of(2, pack_pixels(np.array([99]), np.array([4], np.uint8))),
    ):
        path.write_bytes(start_of_file() + note + pixels + more)
        found = replay(path)
        np.testing.assert_array_equal(found.paint, labels)
        assert found.end == path.stat().st_size - len(more)
    path.write_bytes(start_of_file() + pixels)
    with pytest.raises(UserError, match=r"x\.paint"):
        replay(path)


def test_a_file_broken_off_anywhere_gives_what_was_whole(tmp_path):
    labels = np.zeros((20, 30), np.uint8)
    journal, states, ends = Journal(tmp_path / "x.paint"), [], []
    for i in range(5):
        disc(labels, 3 * i, 5 * i, 3, i + 1)
        update(journal, labels, note_of(labels, f"paint {i // 2}"))
        states.append(labels.copy())
        ends.append(journal.path.stat().st_size)
    whole = journal.path.read_bytes()
    broken = tmp_path / "broken.paint"
    first = replay(journal.path)
    assert np.array_equal(first.paint, labels)
    assert first.note.name == "paint 2"
    refused = 0
    for length in range(len(whole)):
        broken.write_bytes(whole[:length])
        try:
            found = replay(broken).paint
        except UserError:
            refused += 1
            assert length < ends[0]
            continue
        known = [state for state, end in zip(states, ends) if end <= length]
        assert np.array_equal(found, known[-1] if known else np.zeros_like(labels))
    assert 0 < refused < ends[0]
    for at in range(ends[-2], len(whole)):
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        assert np.array_equal(replay(broken).paint, states[-2]), "a checksum tells"


def test_painting_goes_on_after_a_broken_end(tmp_path):
    labels = np.zeros((20, 30), np.uint16)
    journal = Journal(tmp_path / "x.paint")
    disc(labels, 8, 5, 3, 5)
    update(journal, labels)
    kept = labels.copy()
    disc(labels, 8, 15, 3, 15)
    update(journal, labels)
    size = journal.path.stat().st_size
    with journal.path.open("r+b") as file:
        file.truncate(size - 2)
    again = Journal(journal.path)
    found = again.read()
    assert np.array_equal(found.paint, kept)
    disc(found.paint, 8, 25, 3, 7)
    update(again, found.paint)
    assert np.array_equal(replay(journal.path).paint, found.paint)


def test_only_touched_pieces_are_compared_until_a_sweep(tmp_path):
    labels = np.zeros((6, 20, 30), np.uint8)
    journal = Journal(tmp_path / "x.paint")
    update(journal, labels)
    labels[1:4] = 2
    touched = Blocks(labels.shape).meeting([(2, 3), (0, 5), (0, 5)])
    assert not journal.update(note_of(labels), labels, touched)
    assert (
        replay(journal.path).paint.any(axis=(1, 2)).tolist() == [False, False, True] + [False] * 3
    )
    update(journal, labels)
    assert np.array_equal(replay(journal.path).paint, labels)


@given(st.data())
def test_pieces_cover_each_pixel_once_and_are_found_by_a_box(data):
    shape = data.draw(arrays.array_shapes(min_dims=2, max_dims=4, max_side=6))
    pieces = Blocks(shape, data.draw(st.integers(1, 20)))
    numbers = np.arange(np.prod(shape)).reshape(shape)
    found = [numbers[pieces.index(i)].reshape(-1) for i in range(len(pieces))]
    assert np.array_equal(np.concatenate(found), numbers.reshape(-1))
    assert [part[0] for part in found] == [pieces.start(i) for i in range(len(pieces))]
    box = [sorted(data.draw(st.tuples(*[st.integers(-1, 8)] * 2))) for _ in shape]
    inside = numbers[tuple(slice(max(a, 0), max(b, 0)) for a, b in box)].reshape(-1)
    # a box takes whole rows
    met = {i for i, part in enumerate(found) if set(part.tolist()) & set(inside.tolist())}
    assert met == pieces.meeting([tuple(side) for side in box])


def test_the_file_stays_about_as_small_as_what_is_painted(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.zeros((256, 256), np.uint8)
    journal = Journal(tmp_path / "x.paint")
    for _ in range(300):
        # over and over the same place
        disc(labels, *rng.integers(100, 156, 2), 9, rng.integers(0, 4))
        labels[rng.integers(0, 256, 200), rng.integers(0, 256, 200)] = rng.integers(0, 4, 200)
        update(journal, labels)
    once = Journal(tmp_path / "once.paint")
    update(once, labels)
    size = once.path.stat().st_size
    assert journal.path.stat().st_size <= max(2 * size, journal_module.COMPACT_BYTES)
    assert np.array_equal(replay(journal.path).paint, labels)


def test_other_labels_in_the_place_of_the_old_ones(tmp_path):
    labels = np.ones((20, 30), np.uint8)
    journal = Journal(tmp_path / "x.paint")
    update(journal, labels)
    for other in (np.full((20, 30), 300, np.int32), np.full((3, 8, 8), 9, np.int64)):
        update(journal, other)
        found = replay(journal.path)
        assert np.array_equal(found.paint, other)
        assert found.paint.dtype == other.dtype


def test_a_deleted_file_is_written_again_in_full(tmp_path):
    labels = np.ones((20, 30), np.uint8)
    journal = Journal(tmp_path / "x.paint")
    update(journal, labels)
    journal.path.unlink()
    labels[5:9] = 2
    update(journal, labels)
    assert np.array_equal(replay(journal.path).paint, labels)


def test_a_full_disk_is_said_and_what_was_painted_is_written_once_there_is_room(
    tmp_path, monkeypatch
):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    labels = np.zeros((20, 30), np.uint8)
    journal = Journal(tmp_path / "x.paint")
    for state in range(3):
        labels[state * 5 : state * 5 + 3] = state + 1
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(UserError, match=r"can't be backed up.*No space.*Free some space"):
                update(journal, labels)
        if state != 1:
            update(journal, labels)
            assert np.array_equal(replay(journal.path).paint, labels)
    labels[:] = 0
    update(journal, labels)
    assert journal.empty


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "contains no annotation"),
        (b"II*\0 a picture", "contains no annotation"),
        (b"napari-unet paint 1\n", "contains no annotation"),
        (b"napari-unet paint 99\nsomething", "later version.*Update"),
    ],
)
def test_files_that_are_no_journals_say_so_and_are_not_offered(tmp_path, content, said):
    path = tmp_path / "0123abcd.paint"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        replay(path)
    with pytest.raises(UserError, match=said):
        read_note(path)
    assert JournalFiles(tmp_path).restorable() == []


def test_paint_is_offered_once_its_process_has_ended(tmp_path):
    code = """
import sys, numpy as np
from pathlib import Path
from napari_unet.core.journal.records import ImageIdentity, PaintNote
from napari_unet.services.storage.journal_files import JournalFiles
labels = np.ones((4, 5), np.uint8)
image = ImageIdentity(name="cells", path="", shape=(4, 5))
note = PaintNote(name="paint", image=image, kind="classes", shape=(4, 5), dtype="uint8")
JournalFiles(Path(sys.argv[1])).new().update(note, labels)
print("written", flush=True)
sys.stdin.read()
"""
    files = JournalFiles(tmp_path)
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"written"
        assert files.restorable() == [], "its owner is at work"
        files.forget_old(days=-1)
        process.kill()
    (left,) = files.restorable()
    assert left.note.kind == "classes"
    assert abs(left.when - time.time()) < 60
    journal = files.claim(left.path)
    assert files.restorable() == []
    assert journal.read().paint.tolist() == [[1] * 5] * 4
    with pytest.raises(UserError, match="another napari window"):
        files.claim(left.path)
    files.release(journal.path)
    assert len(files.restorable()) == 1


def test_of_another_computer_only_what_is_silent_is_offered(tmp_path):
    labels = np.ones((4, 5), np.uint8)
    journal = Journal(tmp_path / "0123abcd 00000000 1 1.paint")
    update(journal, labels)
    files = JournalFiles(tmp_path)
    assert files.restorable() == []
    then = time.time() - 2 * 3600
    os.utime(journal.path, (then, then))
    assert len(files.restorable()) == 1


def test_journals_go_after_a_month_and_empty_ones_at_once(tmp_path):
    files = JournalFiles(tmp_path)
    for name, days in {"0123abcd.paint": 31, "0123abce.paint": 29, "x.paint": 31}.items():
        (tmp_path / name).write_bytes(b"")
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name, (then, then))
    files.forget_old()
    assert [path.name for path in tmp_path.iterdir()] == ["0123abce.paint"]
    journal, labels = files.new(), np.ones((4, 5), np.uint8)
    update(journal, labels)
    labels[:] = 0
    update(journal, labels)
    assert journal.path.exists()
    assert files.restorable_from(journal) is None
    assert not journal.path.exists()
