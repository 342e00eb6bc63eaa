"""napari: its version, whether it finds this plugin, and whether its window can open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.services.system.finding import Finding
from napari_unet.services.system.linux import has_display, missing_libraries
from napari_unet.services.system.plugin import examine_plugin
from napari_unet.services.system.requirements import (
    install_command,
    installed_version,
    viewer_requirement,
)
from napari_unet.services.system.window import try_window

if TYPE_CHECKING:
    from napari_unet.services.system.window import WindowTrial

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "gdi generic")


def can_open_viewer() -> bool:
    """Whether napari is installed and its window can open here."""
    return installed_version("napari") is not None and has_display() and bool(try_window().opengl)


def viewer_hint() -> str:
    """How to install napari; empty if it is installed."""
    if installed_version("napari") is not None:
        return ""
    return f"For the viewer, run: {install_command(str(viewer_requirement()))}"


def examine_viewer() -> list[Finding]:
    """Check napari, the plugin in it, and whether its window can open here."""
    version = installed_version("napari")
    if version is None:
        return [
            Finding("napari", None, "not installed: Python and command line only", viewer_hint())
        ]
    findings = [_examine_napari(version), *examine_plugin()]
    if packages := sorted(missing_libraries().values()):
        detail = f"missing: {', '.join(missing_libraries())}"
        advice = (
            f"On Debian or Ubuntu, run: sudo apt-get install {' '.join(packages)}; "
            "elsewhere, install the packages that hold these files."
        )
        findings.append(Finding("System libraries", None, detail, advice))
    return [*findings, *describe_window(try_window(), has_display())]


def _examine_napari(version: str) -> Finding:
    needed = viewer_requirement()
    if needed.specifier.contains(version, prereleases=True):
        return Finding("napari", True, version)
    detail = f"{version} is installed, and the plugin needs {needed.specifier}"
    return Finding("napari", False, detail, f"Run: {install_command(str(needed))}")


def describe_window(trial: WindowTrial, display: bool) -> list[Finding]:
    """Say what came of the attempt to open a window.

    Parameters
    ----------
    trial
        How far the attempt came.
    display
        Whether there is a screen to open windows on.
    """
    if not trial.binding:
        advice = f"Run: {install_command(str(viewer_requirement()))}"
        return [Finding("Qt", False, f"no Qt binding works: {trial.error}", advice)]
    if not trial.platform:
        detail = f"{trial.binding} can't start: {trial.error}"
        advice = "Install the missing system libraries, if any are named; is the display reachable?"
        return [Finding("Qt", False, detail, advice)]
    findings = [Finding("Qt", True, f"{trial.binding} on {trial.platform}")]
    if not display:
        advice = "Log in to a desktop, or put 'xvfb-run -a' before the command."
        detail = "none: napari can't open here; Python and command line work"
        return [*findings, Finding("Display", None, detail, advice)]
    return [*findings, _describe_opengl(trial)]


def _describe_opengl(trial: WindowTrial) -> Finding:
    if not trial.renderer:
        detail = f"no OpenGL context could be made: {trial.error or 'Qt gives no reason'}"
        return Finding("OpenGL", False, detail, "Install the driver of the graphics card.")
    detail = f"{trial.renderer}, OpenGL {trial.opengl}"
    if any(name in trial.renderer.lower() for name in SOFTWARE_RENDERERS):
        advice = "The processor does the drawing. If there is a graphics card, install its driver."
        return Finding("OpenGL", None, detail, advice)
    return Finding("OpenGL", True, detail)
