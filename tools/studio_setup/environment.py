"""The virtual environment beside ``studio.py``: made once, completed when more is asked for."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from studio_setup.steps import SetupError, may_use
from studio_setup.system_packages import can_make_environments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studio_setup.steps import Steps

CPU_TORCH = "https://download.pytorch.org/whl/cpu"
SPACE_GB = 4
CUDA_SPACE_GB = 8
"""The environment takes 5.9 GB with PyTorch's CUDA build, and pip keeps the downloads for a while."""
ADVICE = (
    "Can the network be reached (name a proxy in HTTPS_PROXY if there is one), and is there space "
    "on the disk? Then run the same command again: it goes on where it stopped."
)


class Environment:
    """A virtual environment with the package in it.

    Parameters
    ----------
    root
        Folder of the project.
    steps
        Runs the commands.
    name
        Name of the environment's folder in `root`.
    """

    def __init__(self, root: Path, steps: Steps, name: str = ".venv") -> None:
        self.root = root
        self.steps = steps
        self.folder = root / name
        self.constraints = root / "constraints.txt"
        self._stamp = self.folder / "studio-stamp.txt"

    def program(self, name: str) -> str:
        """Path of a program in the environment."""
        windows = os.name == "nt"
        folder = self.folder / ("Scripts" if windows else "bin")
        return str(folder / (f"{name}.exe" if windows else name))

    def pip(self, *arguments: str) -> list[str]:
        """Command line of the environment's pip, which reads the user's own configuration."""
        return [self.program("python"), "-m", "pip", *arguments]

    def has(self, extras: Iterable[str]) -> bool:
        """Whether the package, as it is now, was installed with these extras."""
        return set(extras) <= self._installed_extras()

    def make(self) -> None:
        """Make the environment, or keep the one that exists."""
        if self.folder.exists():
            if may_use(self.pip("--version")):
                return
            raise SetupError(
                f"The folder {self.folder} exists but has no working pip; an earlier set-up may "
                "have been interrupted. Delete that folder, then run the same command again."
            )
        if not can_make_environments():
            raise SetupError(
                "Python can't make virtual environments here, because its venv package is missing. "
                "Install it as described above, then run the same command again."
            )
        self.steps.run(
            "Virtual environment",
            [sys.executable, "-m", "venv", str(self.folder)],
            f"Are you allowed to write to {self.root}?",
        )

    def install(self, extras: Iterable[str]) -> None:
        """Install PyTorch, then the package with its extras; what is installed already stays."""
        installed = self._installed_extras()
        if not installed:
            self.install_torch()
        wanted = sorted({*extras, *installed})
        package = f"{self.root}[{','.join(wanted)}]"
        self.steps.run(
            "Test tools" if installed else "napari and the other packages",
            self.pip("install", "--constraint", str(self.constraints), "--editable", package),
            ADVICE,
        )
        self._stamp.write_text(" ".join([self._fingerprint(), *wanted]))

    def install_torch(self) -> None:
        """Install the PyTorch that suits this computer.

        On Linux without an NVIDIA driver that is PyTorch's own build for processors, because the
        one on PyPI brings gigabytes of CUDA. Where the user has configured pip, pip decides.
        """
        pin = pinned_torch(self.constraints)
        linux = sys.platform == "linux"
        if linux and not nvidia_driver() and not self.pip_is_configured():
            # alone: what it depends on comes from PyPI afterwards
            quick = ["--retries", "1", "--timeout", "20", "--no-deps", "--index-url", CPU_TORCH]
            if self.steps.attempt("PyTorch for processors", self.pip("install", *quick, pin)):
                return
            print("  PyTorch's own index can't be reached; taking the larger build from PyPI.")
        cuda = linux and self.brings_cuda(pin)
        if cuda:
            check_space(self.root, CUDA_SPACE_GB)
        title = "PyTorch for CUDA (several GB)" if cuda else "PyTorch"
        constraint = ["--constraint", str(self.constraints)]
        self.steps.run(title, self.pip("install", *constraint, pin), ADVICE)

    def brings_cuda(self, requirement: str) -> bool:
        """Whether pip would install CUDA with PyTorch; pip itself is asked, as it is configured."""
        options = ["--dry-run", "--quiet", "--no-deps", "--report", "-"]
        command = self.pip("install", *options, requirement)
        end = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        try:
            planned = json.loads(end.stdout)["install"]
        except (ValueError, KeyError):
            return True  # an old pip, or no network: better to ask for too much space
        needs = [line for one in planned for line in one["metadata"].get("requires_dist", [])]
        return any(line.startswith(("nvidia-", "cuda-")) for line in needs)

    def pip_is_configured(self) -> bool:
        """Whether the user has told pip where to find packages; then pip is left to find them."""
        settings = subprocess.run(self.pip("config", "list"), capture_output=True, text=True).stdout
        return any(key in settings for key in ("index-url", "find-links", "no-index"))

    def _installed_extras(self) -> set[str]:
        if not self._stamp.is_file():
            return set()
        fingerprint, *extras = self._stamp.read_text().split()
        return set(extras) if fingerprint == self._fingerprint() else set()

    def _fingerprint(self) -> str:
        """Short text that changes when the environment has to be made anew."""
        files = [(self.root / "pyproject.toml").read_bytes(), self.constraints.read_bytes()]
        place = f"{self.root} {sys.version}".encode()
        return hashlib.sha256(b"\0".join([*files, place])).hexdigest()


def check_python() -> None:
    """Refuse an interpreter for which the packages have no builds."""
    python = f"This is Python {platform.python_version()} ({sys.executable})."
    if sys.version_info < (3, 11):  # noqa: UP036 - this file also runs on older ones
        raise SetupError(f"{python} Install Python 3.11 or newer and run this file with it.")
    if sys.maxsize < 2**32:
        raise SetupError(f"{python} It is a 32-bit build. Install a 64-bit one.")
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise SetupError(
            f"{python} It is built for Intel Macs, which PyTorch no longer supports. On a Mac "
            "with Apple silicon, install the arm64 or universal2 Python from python.org."
        )


def check_space(folder: Path, needed: float) -> None:
    """Refuse a disk that is too full now, not after ten minutes of downloading.

    Parameters
    ----------
    folder
        Folder in which the environment will be made.
    needed
        Space that is needed, in GB.
    """
    free = shutil.disk_usage(folder).free / 1e9
    if free < needed:
        raise SetupError(
            f"Only {free:.1f} GB are free in {folder}, and the set-up needs {needed:g} GB. "
            "Free some space, or move this folder to a larger disk."
        )


def nvidia_driver() -> bool:
    """Whether PyTorch could use an NVIDIA card."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def pinned_torch(constraints: Path) -> str:
    """Requirement of PyTorch at the version that `constraints` names."""
    match = re.search(r"^torch==\S+", constraints.read_text("utf-8"), re.MULTILINE)
    return match[0] if match else "torch"
