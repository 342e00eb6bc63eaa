"""Opening the viewer and its panels imports no torch, which takes seconds."""

from __future__ import annotations

import gc
import subprocess
import sys

import gui_kit  # noqa: F401 - skips where there is no viewer

from napari_unet.gui.session import responsiveness


def test_the_panels_import_no_torch():
    code = (
        "import pkgutil, sys, napari_unet.gui as gui\n"
        "for module in pkgutil.walk_packages(gui.__path__, 'napari_unet.gui.'):\n"
        "    if module.name.endswith(('.panel', '.plugin')):\n"
        "        __import__(module.name)\n"
        "        assert 'torch' not in sys.modules, module.name"
    )
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stderr


def test_what_takes_long_is_imported_ahead_and_what_is_broken_is_left(monkeypatch):
    imported = []

    def importing(name):
        imported.append(name)
        if name == "broken":
            raise ImportError(name)

    monkeypatch.setattr(responsiveness.importlib, "import_module", importing)
    monkeypatch.setattr(responsiveness, "_soon", ["broken", "wanted"])
    # its libraries are there: they are loaded before
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert gc.isenabled()
    responsiveness.import_ahead()
    assert gc.isenabled()
    assert imported == ["broken", "wanted", *responsiveness.FIRST_IMPORTS]
    # without torch there is nothing to load
    monkeypatch.setattr(responsiveness.importlib.util, "find_spec", lambda name: None)
    gc.disable()
    try:
        responsiveness.import_ahead()
        assert not gc.isenabled()
    finally:
        gc.enable()
