from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from examples import load_profile, without_most_combinations
from places import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator

load_profile()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items[:], left = without_most_combinations(items)
    config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images, labels and third-party networks beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the real data are not beside the repository (../shared/data)")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _own_user_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep models, journals and results of the tests out of the user's folder of data."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("user-data")
        for variable in ("XDG_DATA_HOME", "WIN_PD_OVERRIDE_LOCAL_APPDATA"):
            patch.setenv(variable, str(folder))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # the tests' networks are so small that threads cost more than they gain
    torch.set_num_threads(1)
