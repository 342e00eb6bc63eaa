"""What this computer can do for the package, what is missing, and what to install."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from napari_unet import version
from napari_unet.core.host_memory import free_memory, total_memory
from napari_unet.services.library import Library
from napari_unet.services.system.accelerator import examine_torch, nvidia_cards
from napari_unet.services.system.finding import Finding
from napari_unet.services.system.plugin import examine_import_name
from napari_unet.services.system.requirements import install_command, requirements, unmet
from napari_unet.services.system.viewer import examine_viewer

ENOUGH_MEMORY = 2e9
"""Bytes of free memory below which only small tiles fit."""
ENOUGH_DISK = 1e9
"""Bytes of free disk space for models and results."""


def examine() -> list[Finding]:
    """Check everything; takes some seconds, because Qt and torch are really started."""
    return [
        examine_python(),
        examine_package(),
        *examine_import_name(),
        *examine_requirements(),
        *examine_torch(nvidia_cards()),
        examine_memory(),
        examine_folder(Library().folder),
        *examine_viewer(),
    ]


def examine_python() -> Finding:
    """Check the version of Python; names the system it runs on."""
    detail = f"{platform.python_version()} on {platform.platform()} ({sys.executable})"
    if sys.version_info < (3, 11):  # noqa: UP036 - pip can be told to ignore the requirement
        return Finding("Python", False, detail, "Install Python 3.11 or newer.")
    return Finding("Python", True, detail)


def examine_package() -> Finding:
    """Version and place of this package."""
    folder = Path(version.__file__).parent
    return Finding("U-Net Studio", True, f"{version.__version__} in {folder}")


def examine_requirements() -> list[Finding]:
    """Check that the packages U-Net Studio needs are installed, each at least as new as needed."""
    title = "Packages"
    try:
        wanted = requirements()
        missing = unmet(wanted)
    except importlib.metadata.PackageNotFoundError:
        root = Path(version.__file__).parents[2]
        detail = "U-Net Studio is not installed: it runs from its source folder"
        return [Finding(title, None, detail, f"Run: {install_command(str(root), options='-e')}")]
    if not missing:
        return [Finding(title, True, f"all {len(wanted)} that are needed are new enough")]
    details = [
        f"{each.requirement} (here: {each.installed or 'not installed'})" for each in missing
    ]
    command = install_command(*(each.requirement for each in missing))
    return [Finding(title, False, f"needed: {', '.join(details)}", f"Run: {command}")]


def examine_memory() -> Finding:
    """Check main memory: how much there is and how much is free."""
    free = free_memory()
    detail = f"{free / 1e9:.1f} GB free of {total_memory() / 1e9:.1f} GB"
    if free < ENOUGH_MEMORY:
        return Finding("Memory", None, detail, "Close other programs: small tiles are slower.")
    return Finding("Memory", True, detail)


def examine_folder(folder: Path) -> Finding:
    """Check that models can be saved in a folder, which may not exist yet."""
    title = "Model folder"
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        detail = f"{folder} can't be written to: {error.strerror}"
        return Finding(title, False, detail, f"Give yourself write permission for {existing}.")
    free = shutil.disk_usage(existing).free
    detail = f"{folder}, {free / 1e9:.1f} GB free"
    if free < ENOUGH_DISK:
        return Finding(title, None, detail, "Free some space before saving models or results.")
    return Finding(title, True, detail)
