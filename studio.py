#!/usr/bin/env python3
"""Set up U-Net Studio beside this file and run it; needs Python 3.11 or newer and nothing else.

    python3 studio.py demo     set up, then segment the sample image in napari
    python3 studio.py test     set up, then run the checks and the tests
    python3 studio.py setup    set up only

Everything goes into the folder .venv; delete it to undo the set-up. On Linux, the system libraries
that Qt needs are installed through apt where that is allowed, and named where it is not. Whatever
follows "demo" or "test" is handed on to "napari-unet demo" or to pytest.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))
from napari_unet.services.system import linux  # noqa: E402 - needs no more than this file does

if TYPE_CHECKING:
    from collections.abc import Callable

CONSTRAINTS = ROOT / "constraints.txt"
VENV = ROOT / ".venv"
PROGRAMS = VENV / ("Scripts" if os.name == "nt" else "bin")
SUFFIX = ".exe" if os.name == "nt" else ""
STAMP = VENV / "studio-stamp.txt"

CPU_TORCH = "https://download.pytorch.org/whl/cpu"
SPACE_NEEDED_GB = 4
CHECKS = ("lint-imports", "ruff check", "ruff format --check", "mypy")


class Trouble(Exception):  # noqa: N818 - it is what the user reads
    """What stopped us and what to do about it."""


def main(arguments: list[str]) -> int:
    """Carry out one command line; returns the exit status."""
    actions: dict[str, Callable[[list[str]], int]] = {"demo": demo, "test": test, "setup": setup}
    if not arguments or arguments[0] not in actions:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        check_python()
        return actions[arguments[0]](arguments[1:])
    except Trouble as trouble:
        print(f"\nU-Net Studio could not go on. {trouble}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
    return 1


def demo(arguments: list[str]) -> int:
    """Segment the sample image that comes with the package."""
    setup()
    return subprocess.call([program("napari-unet"), "demo", *arguments])


def test(arguments: list[str]) -> int:
    """Run the quick checks, then the tests, whose closing line is the last one printed."""
    setup()
    for check in CHECKS:
        name, *options = check.split()
        run([program(name), *options], f'The check "{check}" failed, as the lines above say.')
    variables = virtual_screen()
    command = [program("python"), "-m", "pytest", "-n", str(workers()), "--dist", "worksteal"]
    say(" ".join(["pytest", *command[3:], *arguments]))
    return subprocess.call(
        [*command, *arguments], cwd=ROOT, env=variables, stdin=subprocess.DEVNULL
    )


def setup(_: list[str] | None = None) -> int:
    """Make the environment, or find that it is made; quick the second time."""
    if sys.platform == "linux":
        install_system_packages()
    if STAMP.is_file() and STAMP.read_text() == fingerprint():
        return 0
    check_space()
    make_environment()
    if sys.platform == "linux" and not nvidia_driver() and not pip_is_configured():
        install_cpu_torch()
    run(
        pip("install", "--constraint", str(CONSTRAINTS), "--editable", ".[napari,test]"),
        "The packages could not be installed, as the lines above say. Is the network reachable "
        "(with a proxy to name in HTTPS_PROXY?) and the disk not full? Mend it, then run the same "
        "command again.",
    )
    STAMP.write_text(fingerprint())
    return 0


def check_python() -> None:
    """Refuse an interpreter that the packages have no builds for."""
    found = f"This is Python {platform.python_version()} ({sys.executable})."
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what meets the older ones
        raise Trouble(f"{found} Install Python 3.11 or newer and run this file with it.")
    if sys.maxsize < 2**32:
        raise Trouble(f"{found} It is a 32-bit build. Install a 64-bit one.")
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise Trouble(
            f"{found} It is built for Intel Macs, for which PyTorch makes no packages any more. "
            "On a Mac with Apple silicon, install the arm64 or universal2 Python from python.org."
        )


def check_space() -> None:
    """Say so now when the disk is too full, not after ten minutes of downloading."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < SPACE_NEEDED_GB:
        raise Trouble(
            f"Only {free:.1f} GB are free in {ROOT} and the set-up takes about {SPACE_NEEDED_GB}. "
            "Free some space, or move this folder to a larger disk."
        )


def install_system_packages() -> None:
    """Bring what Qt needs from the Linux distribution, or say what is missing."""
    wanted = missing_system_packages()
    if not wanted:
        return
    apt = apt_get()
    if apt is not None:
        say("System packages: " + " ".join(wanted))
        for step in (["update"], ["install", "--yes", "--no-install-recommends", *wanted]):
            subprocess.call([*apt, *step], stdin=subprocess.DEVNULL)
        wanted = missing_system_packages()
    if wanted:
        print(
            "\nThe system lacks some packages. On Debian or Ubuntu, install them with\n\n"
            f"    sudo apt-get update && sudo apt-get install {' '.join(wanted)}\n\n"
            "and elsewhere with the distribution's own tool, under its own names. Until then the\n"
            "window may not open; Python and the command line work without them.\n",
            flush=True,
        )


def missing_system_packages() -> list[str]:
    """Debian's names of what is not here yet."""
    wanted = set(linux.missing_libraries().values())
    if not can_make_environments():
        wanted.add(f"python3.{sys.version_info.minor}-venv")
    if linux.lacks_fonts():
        wanted.add(linux.FONT_PACKAGE)
    if not linux.has_display() and shutil.which("Xvfb") is None:
        wanted |= {"xvfb", "xauth"}
    return sorted(wanted)


def apt_get() -> list[str] | None:
    """How to call apt here without a password; None where that is impossible."""
    if shutil.which("apt-get") is None:
        return None
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    if os.geteuid() == 0:
        return command
    sudo = ["sudo", "--non-interactive"]
    if shutil.which("sudo") is None or subprocess.call([*sudo, "true"], stderr=subprocess.DEVNULL):
        return None
    return [*sudo, *command]


def can_make_environments() -> bool:
    """Whether Python came with the part that puts pip into a new environment (Debian splits it)."""
    importlib.invalidate_caches()
    return importlib.util.find_spec("ensurepip") is not None


def make_environment() -> None:
    """Make .venv, or keep the one that is there."""
    if VENV.exists():
        if subprocess.call(pip("--version")) == 0:
            return
        raise Trouble(
            f"The folder {VENV} is there, but has no working pip; an earlier set-up may have been "
            "interrupted. Delete that folder, then run the same command again."
        )
    if not can_make_environments():
        raise Trouble(
            "Python can't make virtual environments here, because its venv package is missing. "
            "Install it as said above, then run the same command again."
        )
    run(
        [sys.executable, "-m", "venv", str(VENV)],
        f"The virtual environment could not be made. May you write to {ROOT}?",
    )


def nvidia_driver() -> bool:
    """Whether torch could use a CUDA card."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def pip_is_configured() -> bool:
    """Whether the user has told pip where to find packages; then that is left to them."""
    settings = subprocess.run(pip("config", "list"), capture_output=True, text=True).stdout
    return any(key in settings for key in ("index-url", "find-links", "no-index"))


def install_cpu_torch() -> None:
    """Take PyTorch's own build for CPUs: the one on PyPI brings gigabytes of CUDA along.

    It comes alone, the packages it stands on come from PyPI afterwards.
    """
    quick = ["--retries", "1", "--timeout", "20"]
    source = ["--no-deps", "--index-url", CPU_TORCH, "--constraint", str(CONSTRAINTS)]
    command = pip("install", *quick, *source, "torch")
    say(" ".join(command[1:]))
    if subprocess.call(command, stdin=subprocess.DEVNULL) != 0:
        print("The build for CPUs could not be had; going on with the larger one from PyPI.")


def virtual_screen() -> dict[str, str]:
    """Give environment variables with which the tests' windows open on screens that nobody sees.

    pytest-xvfb makes such a screen for each of the processes, where there is Xvfb.
    """
    if sys.platform != "linux":
        return dict(os.environ)
    if shutil.which("Xvfb") is not None:
        return {**os.environ, "QT_QPA_PLATFORM": "xcb"}
    if not linux.has_display():
        raise Trouble("The tests open windows, and there is neither a display nor Xvfb for them.")
    return dict(os.environ)


def workers() -> int:
    """How many processes share the tests: each may take 2 GB."""
    return min(os.cpu_count() or 1, 4)


def fingerprint() -> str:
    """Short text that changes when the environment has to be made anew."""
    files = [(ROOT / "pyproject.toml").read_bytes(), CONSTRAINTS.read_bytes()]
    place = f"{ROOT} {sys.version}".encode()
    return hashlib.sha256(b"\0".join([*files, place])).hexdigest()


def program(name: str) -> str:
    """Path of a program in the environment."""
    return str(PROGRAMS / (name + SUFFIX))


def pip(*arguments: str) -> list[str]:
    """Command line of the environment's pip, which reads the user's own configuration."""
    return [program("python"), "-m", "pip", *arguments]


def run(command: list[str], trouble: str) -> None:
    """Run a command that must succeed."""
    say(" ".join([Path(command[0]).name, *command[1:]]))
    if subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL) != 0:
        raise Trouble(trouble)


def say(what: str) -> None:
    """Announce the next step."""
    print(f"\n== {what}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
