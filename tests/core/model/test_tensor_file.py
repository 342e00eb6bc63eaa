"""Files of tensors: readable by others, whole or not there, and written without Python's lock."""

from __future__ import annotations

import errno
import os
import sys

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from napari_unet.core.errors import UserError
from napari_unet.core.model.tensor_file import write_tensors


@pytest.mark.skipif(sys.platform == "win32", reason="rights of this kind are POSIX's")
def test_the_file_has_the_rights_of_other_files(tmp_path):
    (tmp_path / "plain").touch()
    write_tensors({"a": torch.arange(3.0)}, {"key": "told"}, tmp_path / "made")
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode
    with safe_open(tmp_path / "made", "pt") as file:
        assert file.metadata() == {"key": "told"}
        assert torch.equal(file.get_tensor("a"), torch.arange(3.0))


def test_a_full_disk_is_told_and_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "made"
    path.write_bytes(b"earlier")

    def full(*_):
        raise SafetensorError(f"I/O error: No space left on device (os error {errno.ENOSPC})")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(UserError, match=os.strerror(errno.ENOSPC)):
        write_tensors({"a": torch.zeros(2)}, {}, path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]
