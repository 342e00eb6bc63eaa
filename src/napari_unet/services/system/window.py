"""Whether a window can open here, tried in a process of its own.

Qt aborts the whole process when a system library is missing, and services must not import it anyway.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from napari_unet.services.system.linux import has_display

_TRIAL = """
def report(key, value):
    print(f"{key}={value}", flush=True)

import qtpy
report("binding", f"{qtpy.API_NAME} {qtpy.QT_VERSION}")
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QApplication
application = QApplication(["doctor"])
report("platform", application.platformName())
surface, context = QOffscreenSurface(), QOpenGLContext()
surface.create()
if context.create() and context.makeCurrent(surface):
    from OpenGL import GL
    report("renderer", GL.glGetString(GL.GL_RENDERER).decode())
    report("opengl", GL.glGetString(GL.GL_VERSION).decode())
"""


@dataclass(frozen=True)
class WindowTrial:
    """How far the attempt to open a window came; what was not reached is empty.

    Attributes
    ----------
    binding
        Name and version of the Qt binding, once it could be imported.
    platform
        Qt's name of the window system, once an application could start.
    renderer, opengl
        What draws, as OpenGL calls it, and OpenGL's version, once there was a context.
    error
        The reason given when it failed.
    """

    binding: str = ""
    platform: str = ""
    renderer: str = ""
    opengl: str = ""
    error: str = ""


def try_window(seconds: float = 60) -> WindowTrial:
    """Start Qt and OpenGL in another process; without a display, Qt alone."""
    variables = dict(os.environ)
    if not has_display():
        variables["QT_QPA_PLATFORM"] = "offscreen"
    command = [sys.executable, "-c", _TRIAL]
    try:
        end = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=variables,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return WindowTrial(error=f"no answer within {seconds:g} s")
    reported = dict(line.split("=", 1) for line in end.stdout.splitlines() if "=" in line)
    reached = {key: reported.get(key, "") for key in ("binding", "platform", "renderer", "opengl")}
    return WindowTrial(**reached, error=_first_error(end.stderr) if end.returncode else "")


def _first_error(output: str) -> str:
    """The line that matters: Qt's first reason, or else the end of Python's traceback."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith("qt.qpa.")]
    return next(iter([*reasons, *lines[-1:]]), "")
