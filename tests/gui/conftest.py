"""What makes a window cheap: half a second of processor time instead of a whole one."""

from __future__ import annotations

import gc
import importlib.util
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITS = {
    "session.jobs.Jobs.__init__.__defaults__": (20,),
    "layers.snapshots.AnnotationWatch.__init__.__defaults__": (100,),
    "finetune.form.annotation_summary.SETTLE_MS": 50,
    "finetune.live_preview.LOOK_MS": 50,
    "finetune.curves.REDRAW_MS": 50,
    "segment.plan_row.SETTLE_MS": 50,
    "objects.rethreshold.REST_MS": 50,
    "journal.keeper.TICK_MS": 100,
    "studio.panel.LOOK_MS": 20,
}
"""How long the window lets things settle, in milliseconds: less than a user's hand needs."""

INSTALLED: list = []
"""Plugins found by the first window."""


@pytest.fixture(scope="module", autouse=True)
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
        for name, value in WAITS.items():
            patch.setattr(f"napari_unet.gui.{name}", value)
        yield


def _read_plugins_once(patch: pytest.MonkeyPatch) -> None:
    """Each viewer looks for plugins in all installed packages, and parses their manifests."""
    from npe2 import PluginManifest

    discover = PluginManifest.discover

    def discover_once(paths=()):
        if paths:
            yield from discover(paths)
            return
        if not INSTALLED:
            INSTALLED.extend(discover())
        for result in INSTALLED:
            manifest = result.manifest and result.manifest.model_copy(deep=True)
            yield result._replace(manifest=manifest)

    patch.setattr(PluginManifest, "discover", discover_once)
