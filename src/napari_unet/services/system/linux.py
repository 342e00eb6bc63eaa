"""What a window needs from a Linux system in addition to the Python packages.

``studio.py`` reads this file before anything is installed: it may import the standard library only.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""Library files, each with the Debian and Ubuntu package that holds it."""

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
FONT_PACKAGE = "fonts-dejavu-core"


def missing_libraries() -> dict[str, str]:
    """Libraries of `LIBRARIES` that can't be loaded here; empty on other systems.

    The loader is asked, so the answer holds on every distribution.
    """
    if sys.platform != "linux":
        return {}
    return {file: package for file, package in LIBRARIES.items() if not _loads(file)}


def lacks_fonts() -> bool:
    """Whether a Linux system has no fonts, which leaves every label in the window blank."""
    if sys.platform != "linux":
        return False
    folders = map(Path, FONT_FOLDERS)
    return not any(path.suffix in {".ttf", ".otf"} for f in folders for path in f.rglob("*.?tf"))


def has_display() -> bool:
    """Whether there is a screen to open windows on; assumed on systems other than Linux."""
    variables = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in variables)


def _loads(file: str) -> bool:
    try:
        ctypes.CDLL(file)
    except OSError:
        return False
    return True
