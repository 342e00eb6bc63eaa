from __future__ import annotations

import tarfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints made by the packages themselves; they are not to be changed."""
    target = tmp_path_factory.mktemp("foreign")
    with tarfile.open(Path(__file__).with_name("foreign_checkpoints.tar.xz")) as packed:
        packed.extractall(target, filter="data")
    return target
