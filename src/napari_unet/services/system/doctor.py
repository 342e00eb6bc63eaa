"""What this computer can do for the package, what is missing, and what to install."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from napari_unet import version
from napari_unet.services.library import Library
from napari_unet.services.system.linux import has_display, missing_libraries
from napari_unet.services.system.window import Trial, try_window

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTRIBUTION = "napari-unet-studio"
LITTLE_MEMORY = 2e9
LITTLE_DISK = 1e9
TORCH_HELP = "See https://pytorch.org/get-started/locally for the line that installs it."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    title
        What was looked at, in one or two words.
    ok
        ``True``: as it should be. ``False``: the package can't work like this. ``None``: it works,
        but the reader may want to know.
    detail
        What was found.
    advice
        What to do about it; empty when there is nothing to do.
    """

    title: str
    ok: bool | None
    detail: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything; takes some seconds, because Qt and torch are really started."""
    return [
        examine_python(),
        *examine_package(),
        *examine_torch(nvidia_cards()),
        examine_memory(),
        examine_folder(Library().folder),
        *examine_viewer(),
    ]


def examine_python() -> Finding:
    """Version of Python and the system it runs on."""
    detail = f"{platform.python_version()} on {platform.platform()} ({sys.executable})"
    if sys.version_info < (3, 11):  # noqa: UP036 - pip can be told to ignore the requirement
        return Finding("Python", False, detail, "Install Python 3.11 or newer.")
    return Finding("Python", True, detail)


def examine_package() -> list[Finding]:
    """Version and place of this package, and others that claim its import name."""
    place = Path(version.__file__).parent
    found = [Finding("U-Net Studio", True, f"{version.__version__} in {place}")]
    owners = importlib.metadata.packages_distributions().get("napari_unet", [])
    others = sorted({owner for owner in owners if owner != DISTRIBUTION})
    if others:
        names = " ".join(others)
        found.append(
            Finding(
                "Import name",
                False,
                f"{names} is installed too and brings another package called napari_unet: "
                "the two overwrite each other's files",
                f"Run: pip uninstall {names}; then: pip install --force-reinstall --no-deps "
                f"{DISTRIBUTION}. Or give each an environment of its own.",
            )
        )
    return found


def examine_torch(cards: list[str]) -> list[Finding]:
    """PyTorch, and which of the machine's devices it can use.

    Parameters
    ----------
    cards
        Names of the NVIDIA cards that their driver reports.
    """
    try:
        import torch

        from napari_unet.core.device import available_devices, cpu_has_fast_bfloat16
    except (ImportError, OSError) as error:  # OSError: a library of torch's that can't be loaded
        return [Finding("PyTorch", False, f"can't be imported: {error}", TORCH_HELP)]
    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    half = "has" if cpu_has_fast_bfloat16() else "has no"
    processor = (
        f"{torch.get_num_threads()} threads on {os.cpu_count()} logical processors; "
        f"{half} fast 16-bit units (bfloat16)"
    )
    return [
        Finding("PyTorch", True, f"{torch.__version__}, built {build}"),
        judge_accelerator(cards, available_devices(), torch.version.cuda),
        Finding("Processor", True, processor),
    ]


def judge_accelerator(cards: Sequence[str], devices: Sequence[str], cuda: str | None) -> Finding:
    """Say in words what PyTorch makes of the graphics cards.

    Parameters
    ----------
    cards
        Names of the NVIDIA cards that their driver reports.
    devices
        Names of the devices that PyTorch can use.
    cuda
        The CUDA version PyTorch was built for; ``None`` without CUDA.
    """
    title = "Graphics card"
    if "cuda" in devices:
        return Finding(title, True, f"PyTorch uses {', '.join(cards) or 'the CUDA card'}")
    if "mps" in devices:
        return Finding(title, True, "PyTorch uses the Apple chip (MPS)")
    if not cards:
        return Finding(title, None, "none that PyTorch can use: networks run on the processor")
    if cuda is None:
        detail = f"{', '.join(cards)} is there, but this PyTorch is built for processors only"
        return Finding(title, None, detail, f"Install PyTorch for CUDA. {TORCH_HELP}")
    detail = f"{', '.join(cards)} is there, but PyTorch for CUDA {cuda} can't use it"
    return Finding(title, None, detail, "Install the latest NVIDIA driver and restart.")


def nvidia_cards() -> list[str]:
    """Name, memory and driver of each NVIDIA card, by the driver's own tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        end = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in end.stdout.splitlines() if line.strip()]


def examine_memory() -> Finding:
    """Main memory, all of it and what is free."""
    memory = psutil.virtual_memory()
    detail = f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB"
    if memory.available < LITTLE_MEMORY:
        return Finding("Memory", None, detail, "Close other programs: small tiles are slower.")
    return Finding("Memory", True, detail)


def examine_folder(folder: Path) -> Finding:
    """Whether models can be saved in a folder that may not exist yet."""
    title = "Model folder"
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        detail = f"{folder} can't be written to: {error.strerror}"
        return Finding(title, False, detail, f"Give yourself the right to write to {there}.")
    free = shutil.disk_usage(there).free
    detail = f"{folder}, {free / 1e9:.1f} GB free"
    if free < LITTLE_DISK:
        return Finding(title, None, detail, "Free some space before saving models or results.")
    return Finding(title, True, detail)


def examine_viewer() -> list[Finding]:
    """napari, and whether its window can open here."""
    try:
        version = importlib.metadata.version("napari")
    except importlib.metadata.PackageNotFoundError:
        advice = f'For the viewer, run: pip install "{DISTRIBUTION}[napari]"'
        return [Finding("napari", None, "not installed: Python and command line only", advice)]
    found = [Finding("napari", True, version)]
    if packages := sorted(missing_libraries().values()):
        detail = f"missing: {', '.join(missing_libraries())}"
        advice = (
            f"On Debian or Ubuntu, run: sudo apt-get install {' '.join(packages)}; "
            "elsewhere, install the packages that hold these files."
        )
        found.append(Finding("System libraries", None, detail, advice))
    return [*found, *judge_window(try_window(), has_display())]


def judge_window(trial: Trial, display: bool) -> list[Finding]:
    """Say in words what came of the attempt to open a window."""
    if not trial.binding:
        advice = f'Run: pip install "{DISTRIBUTION}[napari]"'
        return [Finding("Qt", False, f"no Qt binding works: {trial.complaint}", advice)]
    if not trial.platform:
        detail = f"{trial.binding} can't start: {trial.complaint}"
        advice = "Install the missing system libraries, if any are named; is the display reachable?"
        return [Finding("Qt", False, detail, advice)]
    found = [Finding("Qt", True, f"{trial.binding} on {trial.platform}")]
    if not display:
        advice = "Log in to a desktop, or put 'xvfb-run -a' before the command."
        detail = "none here: napari can't open, Python and command line work"
        return [*found, Finding("Display", None, detail, advice)]
    return [*found, _judge_opengl(trial)]


def _judge_opengl(trial: Trial) -> Finding:
    if not trial.renderer:
        detail = f"no OpenGL context could be made: {trial.complaint or 'Qt gives no reason'}"
        return Finding("OpenGL", False, detail, "Install the driver of the graphics card.")
    detail = f"{trial.renderer}, OpenGL {trial.opengl}"
    if any(name in trial.renderer.lower() for name in ("llvmpipe", "softpipe", "gdi generic")):
        advice = "Drawing is done by the processor. With a graphics card, install its driver."
        return Finding("OpenGL", None, detail, advice)
    return Finding("OpenGL", True, detail)
