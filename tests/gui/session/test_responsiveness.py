"""Opening the viewer and its panels imports no torch, which takes seconds."""

from __future__ import annotations

import subprocess
import sys

import gui_kit  # noqa: F401 - skips where there is no viewer


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
