"""Locks between processes end with those that hold them, and cost nobody the work."""

from __future__ import annotations

import errno
import os

import pytest

from napari_unet.core.file_lock import file_locked

fcntl = pytest.importorskip("fcntl", reason="locks of this kind are POSIX's")


def test_only_one_has_the_lock_and_its_file_goes(tmp_path):
    path = tmp_path / "a.lock"
    with file_locked(path) as first, file_locked(path) as second:
        assert (first, second) == (True, False)
    assert not path.exists()
    with file_locked(path) as again:
        assert again


def test_one_that_was_removed_meanwhile_is_locked_anew(tmp_path, monkeypatch):
    path, locked = tmp_path / "a.lock", fcntl.flock

    def slow(file, how):
        locked(file, how)
        if len(taken) < 2:
            # its owner has just removed it; the second time, another one has made it again
            path.unlink()
            if taken:
                path.touch()
        taken.append(os.fstat(file.fileno()).st_ino)

    taken = []
    monkeypatch.setattr(fcntl, "flock", slow)
    with file_locked(path) as free:
        assert free
        assert len(taken) == 3
        assert path.stat().st_ino == taken[-1]


def test_where_no_file_can_be_locked_the_work_goes_on(tmp_path, monkeypatch):
    with file_locked(tmp_path / "no such folder" / "a.lock") as free:
        assert free

    def refuse(number):
        def raises(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", raises)

    refuse(errno.ENOLCK)
    with file_locked(tmp_path / "a.lock") as free:
        assert free
    refuse(errno.EACCES)
    with file_locked(tmp_path / "a.lock") as free:
        assert not free
