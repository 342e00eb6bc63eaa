"""Without the packages that only the viewer needs, everything but the viewer works."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest
from places import REPOSITORY as ROOT

WITHOUT_A_BINDING = ("qtpy", "magicgui", "superqt", "pyqtgraph", "psygnal", "npe2")
VIEWER_PACKAGES = ("napari", "PyQt6", *WITHOUT_A_BINDING)

BLOCK = """
import importlib.metadata, os, sys

blocked = set(os.environ["BLOCKED"].split())


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def from_name(cls, name, original=importlib.metadata.Distribution.from_name.__func__):
    if name in blocked:
        raise importlib.metadata.PackageNotFoundError(name)
    return original(cls, name)


sys.meta_path.insert(0, Finder())
importlib.metadata.Distribution.from_name = classmethod(from_name)
"""

IMPORT_ALL = """
import importlib, pkgutil
for name in ("napari_unet.core", "napari_unet.services", "napari_unet.cli"):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        importlib.import_module(module.name)
import napari_unet
for name in napari_unet.__all__:
    getattr(napari_unet, name)
"""


@pytest.fixture
def without(tmp_path):
    """Runs Python as if some packages were not installed, in this process and those it starts."""
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requires = [f"Requires-Dist: {line}" for line in project["dependencies"]]
    requires += [
        f"Requires-Dist: {line}; extra == 'napari'"
        for line in project["optional-dependencies"]["napari"]
    ]
    info = tmp_path / "napari_unet_studio-0.dist-info"
    info.mkdir()
    head = ["Metadata-Version: 2.1", f"Name: {project['name']}", "Version: 0"]
    (info / "METADATA").write_text("\n".join([*head, *requires]))

    def run(packages, *arguments):
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        variables = {**os.environ, "PYTHONPATH": path, "BLOCKED": " ".join(packages)}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    return run


def test_python_and_command_line_need_no_viewer_package(without):
    end = without(VIEWER_PACKAGES, "-c", IMPORT_ALL)
    assert end.returncode == 0, end.stderr
    end = without(VIEWER_PACKAGES, "-m", "napari_unet", "models")
    assert end.returncode == 0, end.stderr
    assert "nuclei-fluorescence" in end.stdout


@pytest.mark.parametrize("packages", [("napari",), ("PyQt6",), WITHOUT_A_BINDING])
def test_the_doctor_names_what_is_missing_and_the_command_that_installs_it(without, packages):
    end = without(packages, "-m", "napari_unet", "doctor")
    assert "Traceback" not in end.stderr
    advice = [line for line in end.stdout.splitlines() if "-> " in line and " install " in line]
    for package in packages:
        wanted = "napari[pyqt6]" if package == "PyQt6" else package
        assert any(f'"{wanted}' in line for line in advice), end.stdout
    assert not any("napari-unet-studio" in line for line in advice)


def test_the_plugin_without_napari_says_what_to_install(without):
    end = without(["napari"], "-c", "import napari_unet.gui.plugin")
    last = end.stderr.strip().splitlines()[-1]
    assert "napari is not installed" in last
    assert 'install "napari[pyqt6]' in last
