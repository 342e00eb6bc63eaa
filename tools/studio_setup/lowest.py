"""The oldest set of packages that pyproject.toml allows, installed apart to test it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

from studio_setup.environment import ADVICE, CPU_TORCH, Environment
from studio_setup.steps import SetupError

if TYPE_CHECKING:
    from pathlib import Path

    from studio_setup.steps import Steps

PYTHON = (3, 11)
"""The oldest versions have no builds for newer Pythons."""

_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


def lowest_environment(root: Path, steps: Steps, with_torch: bool) -> Environment:
    """Install the oldest versions that `pyproject.toml` allows, and the test tools.

    Parameters
    ----------
    root
        Folder of the project.
    steps
        Runs the commands.
    with_torch
        Also install the oldest PyTorch, from PyTorch's own index; otherwise the one that
        `constraints.txt` names, wherever pip finds it.

    Raises
    ------
    SetupError
        If Python has another version than 3.11, a step fails, or a lower bound in
        `pyproject.toml` is not what was installed.
    """
    if sys.version_info[:2] != PYTHON:
        raise SetupError("The oldest versions of the packages need Python 3.11; run this with it.")
    environment = Environment(root, steps, ".venv-lowest")
    environment.make()
    bounds = lower_bounds(root / "pyproject.toml")
    if with_torch:
        torch = f"torch=={bounds['torch']}"
        steps.run(torch, environment.pip("install", torch, "--index-url", CPU_TORCH), ADVICE)
    else:
        del bounds["torch"]
        environment.install_torch()
    steps.run("uv", environment.pip("install", "uv"), ADVICE)
    # whatever uv resolves, PyTorch stays as it is: another one may bring CUDA
    kept = environment.folder / "overrides.txt"
    kept.write_text("torch ; sys_platform == 'none'\n")
    install = [environment.program("uv"), "pip", "install", "--python"]
    install += [environment.program("python"), "--override", str(kept), *_index(environment)]
    oldest = ["--resolution", "lowest-direct", "--upgrade", "--editable", f"{root}[napari]"]
    steps.run("The oldest packages that pyproject.toml allows", [*install, *oldest], ADVICE)
    steps.run("Test tools", [*install, "--editable", f"{root}[napari,test]"], ADVICE)
    _check(bounds, environment)
    return environment


def lower_bounds(pyproject: Path) -> dict[str, str]:
    """Lower bound of each package that a user installs, by name."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["napari"]]
    matches = (re.match(r"([\w.-]+)(?:\[.*\])?>=([\w.]+)", line) for line in lines)
    return {match[1]: match[2] for match in matches if match}


def _check(bounds: dict[str, str], environment: Environment) -> None:
    """Refuse bounds that are lower than what can be installed: nobody has tried them."""
    command = [environment.program("python"), "-c", _VERSIONS, *bounds]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    installed = json.loads(output)
    too_low = [
        f"{name}>={bound} should be {name}>={installed[name]}"
        for name, bound in bounds.items()
        if _release(installed[name]) != _release(bound)
    ]
    if too_low:
        raise SetupError(
            "Lower bounds in pyproject.toml are not what can be installed together: "
            f"{'; '.join(too_low)}. Raise them."
        )
    print("  " + ", ".join(f"{name} {version}" for name, version in installed.items()))


def _release(version: str) -> list[str]:
    """Parts of a version without closing zeros and local label: 1.2.0+cpu and 1.2 are equal."""
    parts = version.partition("+")[0].split(".")
    while parts and parts[-1] == "0":
        parts.pop()
    return parts


def _index(environment: Environment) -> list[str]:
    """Tell uv, which does not read pip's settings, the index that the user has given pip."""
    command = environment.pip("config", "list")
    settings = subprocess.run(command, capture_output=True, text=True).stdout
    match = re.search(r"\.index-url='([^']+)'", settings)
    return ["--index-url", match[1]] if match else []
