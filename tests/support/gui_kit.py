"""What the tests of the viewer share; importing it skips them where there is no viewer."""

# ruff: noqa: E402 - the imports below need what is checked for first

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

for package in ("napari", "qtpy", "superqt", "pytestqt"):
    pytest.importorskip(package, reason=f"{package} is not installed: see the extra 'napari'")
if sys.platform == "linux" and not (os.getenv("DISPLAY") or os.getenv("WAYLAND_DISPLAY")):
    pytest.skip("there is no display; xvfb-run provides one", allow_module_level=True)

import numpy as np
from networks import strong_network
from qtpy.QtWidgets import QApplication

from napari_unet.core.model.file import save_model
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet
from napari_unet.gui.layers.editing import real
from napari_unet.gui.session.jobs import COLLECT_MS
from napari_unet.services.library import Library

SECONDS = 60_000
"""Longest wait of a test, in milliseconds: far more than it takes on a machine at rest."""
PASS_S = 0.4
"""Seconds that a job needs for each forward pass of a large model."""


def small_model(name="small", **spec):
    """A model that segments at once and gives both classes."""
    config = UNetConfig.classic(base=4, depth=2, **spec.pop("config", {}))
    spec = {"activation": "sigmoid", "classes": ("cell",) * config.out_channels, **spec}
    return Model(ModelSpec(name=name, config=config, **spec), strong_network(config))


class SlowUNet(UNet):
    """A network whose jobs take long enough to be watched, and no processor time."""

    def steps(self, x, *others):
        if threading.current_thread() is not threading.main_thread():
            time.sleep(PASS_S)
        return (yield from super().steps(x, *others))


def large_model():
    """A model that takes long enough to be watched."""
    config = UNetConfig.classic(base=8, depth=3)
    network = SlowUNet(config).eval()
    network.load_state_dict(strong_network(config).state_dict())
    return Model(ModelSpec(name="large", config=config, activation="sigmoid"), network)


def random_image(*shape):
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library of its own, with a small model in it."""
    folder = tmp_path / "models"
    folder.mkdir()
    save_model(small_model(), folder / "small.safetensors")
    monkeypatch.setattr("napari_unet.gui.session.session.Library", lambda: Library(folder))
    return Library(folder)


@pytest.fixture
def viewer(make_napari_viewer_proxy, library):
    """A real viewer, whose window is there, but not drawn: that takes most of a window's time."""
    made = make_napari_viewer_proxy(show=True, strict_qt="raise")
    real(made).window._qt_window.setUpdatesEnabled(False)
    return made


@pytest.fixture
def pace(monkeypatch):
    """Have progress shown as often as a user sees it: each time, a window is drawn as a whole."""
    monkeypatch.setattr("napari_unet.gui.session.jobs.Jobs.__init__.__defaults__", (COLLECT_MS,))


@pytest.fixture
def drawn(viewer, pace):
    """Have the window drawn."""
    real(viewer).window._qt_window.setUpdatesEnabled(True)


class Docks:
    """Docks panels in a window."""

    def __init__(self, viewer):
        self._viewer = viewer

    def __call__(self, panel):
        self._viewer.window.add_dock_widget(panel, name=type(panel).__name__)
        return panel

    def close(self, panel):
        """Close a panel."""
        self._viewer.window.remove_dock_widget(panel)


@pytest.fixture
def dock(viewer):
    """Docks a panel in the viewer's window."""
    return Docks(viewer)


@pytest.fixture
def segment_panel(viewer):
    """The panel Segment, docked, with the small model loaded."""
    from napari_unet.gui.plugin import SegmentDock

    panel = SegmentDock(viewer)
    viewer.window.add_dock_widget(panel, name="Segment")
    panel.session.model, panel.session.source = small_model(), "small"
    panel.session.model_changed.emit(panel.session.model)
    return panel


@pytest.fixture
def models_panel(viewer):
    """The panel Load U-Net, docked."""
    from napari_unet.gui.plugin import ModelsDock

    panel = ModelsDock(viewer)
    viewer.window.add_dock_widget(panel, name="Load U-Net")
    return panel


@pytest.fixture
def annotate_panel(viewer):
    """The panel Annotate, docked."""
    from napari_unet.gui.plugin import AnnotateDock

    panel = AnnotateDock(viewer)
    viewer.window.add_dock_widget(panel, name="Annotate")
    return panel


def finish_job(panel, qtbot):
    """Wait until no job is at work."""
    wait_for_jobs(panel.session.jobs, qtbot)


def wait_for_jobs(jobs, qtbot, timeout=SECONDS):
    """Wait until none is running, and what follows the end of the last one is done."""
    qtbot.waitUntil(lambda: not jobs.running, timeout=timeout)
    QApplication.processEvents()


def said(panel):
    """What stands at the foot of a panel."""
    return panel.foot.message.text.text()
