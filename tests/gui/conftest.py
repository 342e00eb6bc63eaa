"""What makes a window cheap: half a second of processor time instead of a whole one."""

from __future__ import annotations

import gc
import importlib.util
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_MS = 20
"""Time between two looks at a job, in milliseconds."""


@pytest.fixture(scope="session", autouse=True)
def _windows_are_cheap() -> Iterator[None]:
    if importlib.util.find_spec("napari") is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        _read_plugins_once(patch)
        # twice for each window, through all that torch and napari have loaded; napari's fixture
        # collects all objects itself where a window stays after its test
        collector = SimpleNamespace(collect=lambda: gc.collect(1))
        patch.setattr("napari._vispy.canvas.gc", collector)
        save = "napari.settings._base.EventedConfigFileSettings._maybe_save"
        patch.setattr(save, lambda _: None)
        # tests wait for the end of jobs more often than for anything else
        patch.setattr("napari_unet.gui.session.jobs.Jobs.__init__.__defaults__", (LOOK_MS,))
        yield


def _read_plugins_once(patch: pytest.MonkeyPatch) -> None:
    """Each viewer looks for plugins in all installed packages, and parses their manifests."""
    from npe2 import PluginManifest

    discover = PluginManifest.discover
    found: list = []

    def discover_once(paths=()):
        if paths:
            yield from discover(paths)
            return
        if not found:
            found.extend(discover())
        for result in found:
            manifest = result.manifest and result.manifest.model_copy(deep=True)
            yield result._replace(manifest=manifest)

    patch.setattr(PluginManifest, "discover", discover_once)
