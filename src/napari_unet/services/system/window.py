"""Whether a window can open here, found out by opening one in a process of its own.

Qt aborts the whole process when a system library is missing, and this package's services may not
import it anyway.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from napari_unet.services.system.linux import has_display

_TRIAL = """
def say(key, value):
    print(f"{key}={value}", flush=True)

import qtpy
say("binding", f"{qtpy.API_NAME} {qtpy.QT_VERSION}")
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QApplication
application = QApplication(["doctor"])
say("platform", application.platformName())
surface, context = QOffscreenSurface(), QOpenGLContext()
surface.create()
if context.create() and context.makeCurrent(surface):
    from OpenGL import GL
    say("renderer", GL.glGetString(GL.GL_RENDERER).decode())
    say("opengl", GL.glGetString(GL.GL_VERSION).decode())
"""


@dataclass(frozen=True)
class Trial:
    """How far the attempt to open a window came; what it did not reach is empty.

    Attributes
    ----------
    binding
        Name and version of the Qt binding, once it could be imported.
    platform
        Qt's name of the window system, once an application could start.
    renderer, opengl
        OpenGL's name of what draws, and its version, once there was a context.
    complaint
        The reason that was given when it failed.
    """

    binding: str = ""
    platform: str = ""
    renderer: str = ""
    opengl: str = ""
    complaint: str = ""


def try_window(seconds: float = 60) -> Trial:
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
        return Trial(complaint=f"no answer within {seconds:g} s")
    found = dict(line.split("=", 1) for line in end.stdout.splitlines() if "=" in line)
    reached = {key: found.get(key, "") for key in ("binding", "platform", "renderer", "opengl")}
    return Trial(**reached, complaint=_complaint(end.stderr) if end.returncode else "")


def _complaint(said: str) -> str:
    """Give the telling line: Qt's first reason, otherwise the end of Python's traceback."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith("qt.qpa.")]
    return next(iter([*reasons, *lines[-1:]]), "")
