"""System libraries that Qt needs on Linux: installed through apt where allowed, named elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys

from napari_unet.services.system import linux  # needs no more than the standard library
from studio_setup.steps import Steps, may_use


def install_system_packages(steps: Steps, for_tests: bool) -> None:
    """Install what is missing, or print which packages to install.

    Parameters
    ----------
    steps
        Runs the commands.
    for_tests
        Whether a virtual screen for the tests is needed, too.
    """
    missing = missing_system_packages(for_tests)
    if not missing:
        return
    apt = apt_get()
    if apt is not None:
        install = [*apt, "install", "--yes", "--no-install-recommends", *missing]
        steps.attempt("Package lists of the system", [*apt, "update"])
        steps.attempt(f"{len(missing)} system packages: {shortened(missing)}", install)
        missing = missing_system_packages(for_tests)
    if missing:
        print(
            "\nSome system packages are missing. On Debian or Ubuntu, install them with\n\n"
            f"    sudo apt-get update && sudo apt-get install {' '.join(missing)}\n\n"
            "and elsewhere with your distribution's own package manager, under its own names.\n"
            "Until then the window may not open; Python and the command line work without them.\n",
            flush=True,
        )


def missing_system_packages(for_tests: bool) -> list[str]:
    """Debian's names of the packages that are not installed yet."""
    missing = set(linux.missing_libraries().values())
    if not can_make_environments():
        missing.add(f"python3.{sys.version_info.minor}-venv")
    if linux.lacks_fonts():
        missing.add(linux.FONT_PACKAGE)
    if for_tests and not linux.has_display() and shutil.which("Xvfb") is None:
        missing |= {"xvfb", "xauth"}
    return sorted(missing)


def apt_get() -> list[str] | None:
    """How to call apt-get here without a password; ``None`` where that is impossible."""
    if shutil.which("apt-get") is None:
        return None
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    if os.geteuid() == 0:
        return command
    sudo = ["sudo", "--non-interactive"]
    if shutil.which("sudo") is None or not may_use([*sudo, "true"]):
        return None
    return [*sudo, *command]


def can_make_environments() -> bool:
    """Whether Python has the module that puts pip into a new environment (Debian splits it off)."""
    importlib.invalidate_caches()
    return importlib.util.find_spec("ensurepip") is not None


def shortened(names: list[str], shown: int = 3) -> str:
    """List the first few names."""
    return ", ".join(names[:shown]) + (", …" if len(names) > shown else "")
