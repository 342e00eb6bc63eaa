"""A clock that ran ahead makes no annotation old."""

import os
import time

import pytest

from napari_unet.services.storage.believed_time import believed_time
from napari_unet.services.storage.journal_files import JournalFiles

DAY = 24 * 3600


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = time.time()

    monkeypatch.setattr(time, "time", lambda: Clock.now)
    return Clock


def test_a_clock_that_ran_ahead_deletes_no_paint(tmp_path, clock):
    files = JournalFiles(tmp_path / "journals")
    files.folder.mkdir()
    files.forget_old()
    paint = files.folder / "0123abcd.paint"
    paint.write_bytes(b"paint")
    clock.now += 400 * DAY
    for _ in range(5):
        files.forget_old()
        clock.now += DAY
    assert paint.exists()
    clock.now -= 405 * DAY
    files.forget_old()
    assert paint.exists()


def test_old_paint_is_deleted_in_the_end(tmp_path, clock):
    files = JournalFiles(tmp_path / "journals")
    files.folder.mkdir()
    paint = files.folder / "0123abcd.paint"
    paint.write_bytes(b"paint")
    for _ in range(14):
        files.forget_old()
        clock.now += 2 * DAY
    assert paint.exists()
    for _ in range(4):
        files.forget_old()
        clock.now += 2 * DAY
    assert not paint.exists()


def test_nothing_is_needed_to_know_the_time(tmp_path, clock):
    assert believed_time(tmp_path / "missing" / "folder") == clock.now
    known = tmp_path / "folder.clock"
    for text in ("", "[]", '{"clock": "x"}'):
        known.write_text(text)
        assert believed_time(tmp_path / "folder") == clock.now
    assert os.listdir(tmp_path) == ["folder.clock"]  # noqa: PTH208
