"""Commands end when they are asked to, and tell how far they are where there is no terminal."""

import os
import signal
import sys
import zlib

import numpy as np
import pytest

from napari_unet.cli import driving
from napari_unet.core.errors import UserError
from napari_unet.core.journal.run_length import pack_pixels, unpack_pixels
from napari_unet.core.progress import Progress, finish
from napari_unet.services import progress_bar
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.relabel_file import relabel_file


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_job_where_it_can_keep_what_it_has(number):
    saved = []

    def work():
        try:
            for i in range(10):
                if i == 3:
                    os.kill(os.getpid(), number)
                yield Progress(i, 10)
        finally:
            saved.append(True)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        driving.run(work(), "Working")
    assert saved
    assert signal.getsignal(number) is before


def test_without_a_terminal_a_line_is_written_every_ten_seconds(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: now[0])

    def work():
        for i in range(1, 41):
            now[0] += 1
            yield Progress(i, 40, "tile")

    progress_bar.run_under_bar(work(), "Segmenting", hidden=None)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Segmenting: 25% after 00:10, about 00:30 left (tile)"
    assert len(lines) == 4
    progress_bar.run_under_bar(work(), "Segmenting", hidden=True)
    assert not capsys.readouterr().err


def test_probabilities_are_not_overwritten_by_their_labels(tmp_path):
    path = tmp_path / "p.tif"
    path.write_bytes(b"probabilities")
    (tmp_path / "q.tif").symlink_to(path)
    for target in (path, tmp_path / "q.tif"):
        job = relabel_file(path, target, None, SegmentOptions(), overwrite=True)
        with pytest.raises(UserError, match="can't replace the probabilities"):
            finish(job)
    assert path.read_bytes() == b"probabilities"


def test_a_few_bytes_of_a_journal_do_not_become_gigabytes():
    packed = pack_pixels(np.arange(50), np.ones(50, np.uint8))
    assert len(unpack_pixels(packed, np.dtype(np.uint8), 100)[0]) == 50
    bomb = zlib.compress(bytes(1 << 24))
    with pytest.raises(ValueError, match="beyond the array"):
        unpack_pixels(bomb, np.dtype(np.uint8), 100)
