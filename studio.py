#!/usr/bin/env python3
"""Set up U-Net Studio beside this file and run it; needs Python 3.11 or newer and nothing else.

    python3 studio.py demo           set up, then segment the sample image in napari
    python3 studio.py test           set up with the test tools, then run the checks and all tests
    python3 studio.py test --lowest  install the oldest versions of the packages that pyproject.toml
                                     allows into .venv-lowest and run a part of the tests with them
                                     (Python 3.11). PyTorch stays at the version of constraints.txt;
                                     --torch takes its oldest, too, from PyTorch's own index
    python3 studio.py setup          set up only

Everything goes into the folder .venv; delete it to undo the set-up. What pip and apt print goes to
.venv.log. On Linux, the system libraries that Qt needs are installed through apt where that is
allowed, and named where it is not. Whatever else follows "demo" or "test" is handed on to
"napari-unet demo" or to pytest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]
# none of these needs more than the standard library
from studio_setup.environment import (  # noqa: E402
    SPACE_GB,
    Environment,
    check_python,
    check_space,
)
from studio_setup.steps import SetupError, Steps  # noqa: E402
from studio_setup.system_packages import install_system_packages  # noqa: E402

from napari_unet.services.system import linux  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKS = ("lint-imports", "ruff check", "ruff format --check", "mypy")
SMOKE_TESTS = (
    "tests/core/image/test_axes.py",
    "tests/core/unet/test_unet.py",
    "tests/core/objects/test_objects.py",
    "tests/services/tiff/test_tiff_metadata.py",
    "tests/services/files/test_save.py",
    "tests/services/segmentation/test_segment.py",
    "tests/cli/test_cli.py",
    "tests/gui/test_manifest.py",
    "tests/gui/test_plugin.py",
    "tests/gui/segment/test_segment_panel.py",
)
"""What shows quickly whether a set of packages works together."""
OLD_PACKAGES_MAY_WARN = (
    "-Wignore::DeprecationWarning",
    "-Wignore::PendingDeprecationWarning",
    "-Wignore::FutureWarning",
)


def main(arguments: list[str]) -> int:
    """Carry out one command line; returns the exit status."""
    actions: dict[str, Callable[[list[str]], int]] = {"demo": demo, "test": test, "setup": setup}
    if not arguments or arguments[0] not in actions:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        check_python()
        return actions[arguments[0]](arguments[1:])
    except SetupError as error:
        print(f"\nU-Net Studio could not go on. {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
    return 1


def demo(arguments: list[str]) -> int:
    """Segment the sample image that comes with the package."""
    environment = set_up("napari")
    return subprocess.call([environment.program("napari-unet"), "demo", *arguments])


def setup(_: list[str]) -> int:
    """Set up what `demo` needs, and nothing else."""
    environment = set_up("napari")
    print(f"U-Net Studio is ready: {environment.program('napari')}")
    return 0


def test(arguments: list[str]) -> int:
    """Run the quick checks, then the tests, whose closing line is the last one printed."""
    if "--lowest" in arguments:
        return test_lowest([a for a in arguments if a != "--lowest"])
    environment = set_up("napari", "test")
    for check in CHECKS:
        name, *options = check.split()
        announce(check)
        command = [environment.program(name), *options]
        if subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL) != 0:
            print(f'\nThe check "{check}" failed, as the lines above say.', file=sys.stderr)
            return 1
    options = ["-n", str(workers()), "--dist", "worksteal"]
    return pytest(environment, [*options, *arguments])


def test_lowest(arguments: list[str]) -> int:
    """Run the smoke tests with the oldest versions that `pyproject.toml` allows."""
    from studio_setup.lowest import lowest_environment

    steps = Steps(ROOT / ".venv-lowest.log")
    if sys.platform == "linux":
        install_system_packages(steps, for_tests=True)
    environment = lowest_environment(ROOT, steps, with_torch="--torch" in arguments)
    rest = [argument for argument in arguments if argument != "--torch"]
    return pytest(environment, [*OLD_PACKAGES_MAY_WARN, *SMOKE_TESTS, *rest])


def set_up(*extras: str) -> Environment:
    """Make the environment, or find that it is complete; quick the second time.

    Parameters
    ----------
    extras
        Which extras of the package are needed.
    """
    steps = Steps(ROOT / ".venv.log")
    if sys.platform == "linux":
        install_system_packages(steps, for_tests="test" in extras)
    environment = Environment(ROOT, steps)
    if not environment.has(extras):
        check_space(ROOT, SPACE_GB)
        print(f"Setting up U-Net Studio in {environment.folder}; this takes some minutes.")
        environment.make()
        environment.install(extras)
    return environment


def pytest(environment: Environment, arguments: list[str]) -> int:
    """Run tests in an environment; returns the exit status of pytest."""
    command = [environment.program("python"), "-m", "pytest", *arguments]
    announce(" ".join(command[1:]))
    variables = virtual_screen()
    # else each process of the tests compiles napari and our modules anew
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.call(command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL)


def virtual_screen() -> dict[str, str]:
    """Environment variables with which the tests' windows open on screens that nobody sees.

    pytest-xvfb makes such a screen for each of the processes, where there is Xvfb.
    """
    if sys.platform != "linux":
        return dict(os.environ)
    if shutil.which("Xvfb") is not None:
        return {**os.environ, "QT_QPA_PLATFORM": "xcb"}
    if not linux.has_display():
        raise SetupError("The tests open windows, and there is neither a display nor Xvfb.")
    return dict(os.environ)


def workers() -> int:
    """How many processes share the tests: each may take 2 GB.

    One more than there are processor cores, since the tests of the window often wait.
    """
    return min((os.cpu_count() or 1) + 1, 4)


def announce(step: str) -> None:
    """Print the headline of a step whose output follows."""
    print(f"\n== {step}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
