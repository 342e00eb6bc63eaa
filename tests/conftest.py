from __future__ import annotations

from pathlib import Path

import pytest
import torch
from examples import load_profile
from places import SHARED

load_profile()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images, labels and third-party networks beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the real data are not beside the repository (../shared/data)")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # the tests' networks are so small that threads cost more than they gain
    torch.set_num_threads(1)
