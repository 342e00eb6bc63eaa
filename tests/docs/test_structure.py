"""The project around the code: what importing drags in, what is packed, what the papers say."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from importlib.util import find_spec
from inspect import signature

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from places import REPOSITORY as ROOT

import napari_unet

PACKAGE = ROOT / "src" / "napari_unet"
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
VIEWER = {"napari", "qtpy", "magicgui", "superqt", "PyQt5", "PyQt6", "PySide2", "PySide6"}

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
        importlib.import_module(found.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported_with(*modules: str) -> set[str]:
    """Top-level modules present after a fresh interpreter has imported some and all below them."""
    command = [sys.executable, "-c", IMPORT_ALL, *modules]
    end = subprocess.run(command, capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stderr
    return set(end.stdout.split())


def test_importing_the_package_brings_neither_torch_nor_qt():
    code = "import napari_unet, sys; print(*sys.modules)"
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", *VIEWER} & set(end.stdout.split())


def test_core_and_services_know_no_viewer():
    assert not VIEWER & imported_with("napari_unet.core", "napari_unet.services")


@pytest.mark.parametrize(
    "module",
    [
        "cli",
        "core.unet.config",
        "core.image.axes",
        "core.model.file",
        "core.model.spec",
        "core.image.normalization",
        "core.tiling.plan",
        "services.system.doctor",
        "services.files.images",
        "services.library",
    ],
)
def test_what_is_imported_at_start_up_brings_no_torch(module):
    assert "torch" not in imported_with(f"napari_unet.{module}")


def test_the_wheel_holds_all_that_is_not_code(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {path for path in PACKAGE.rglob("*") if path.is_file()}
    wanted = {path.relative_to(PACKAGE.parent).as_posix() for path in files}
    assert {name for name in wanted if "__pycache__" not in name} == packed
    assert {"napari_unet/py.typed", "napari_unet/napari.yaml"} <= packed


def test_every_dependency_is_pinned_to_a_version_it_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = [line for lines in project["optional-dependencies"].values() for line in lines]
    pins = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    )
    for requirement in map(Requirement, [*project["dependencies"], *optional]):
        name = requirement.name.lower().replace("_", "-")
        assert name in pins, f"constraints.txt lacks {name}: see its first lines"
        assert Version(pins[name]) in requirement.specifier


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text("utf-8"))
    local = [link for link in links if not link.startswith("http")]
    assert [link for link in local if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_page_on_architecture_names_every_wing_and_no_file_that_is_gone():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`((?:core|services|gui|cli|api)(?:/\w+)*(?:\.py)?)/?`", text))
    assert {name for name in named if not (PACKAGE / name).exists()} == set()
    wings = {
        f"{layer}/{wing.name}"
        for layer in ("core", "services", "gui")
        for wing in (PACKAGE / layer).iterdir()
        if (wing / "__init__.py").is_file()
    }
    assert wings <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_uses_of_the_package_exists(page):
    text = page.read_text("utf-8")
    for name in re.findall(r"\bunet\.(\w+)\(", text):
        assert name in napari_unet.__all__
    for module, names in re.findall(r"^from (napari_unet\S*) import (.+)$", text, re.M):
        assert [
            name for name in names.split(", ") if not hasattr(import_module(module), name)
        ] == []


def test_every_public_name_is_there_on_first_use() -> None:
    names = set(napari_unet.__all__) - {"__version__", "PRESETS", "jobs"}
    assert {name for name in names if getattr(napari_unet, name).__name__ != name} == set()
    assert napari_unet.PRESETS["Quick"].steps < napari_unet.FinetuneOptions().steps
    assert set(dir(napari_unet)) == set(napari_unet.__all__)
    assert not hasattr(napari_unet, "nonsense")


def test_every_job_has_a_plain_twin():
    names = set(napari_unet.jobs.__all__)
    assert names <= set(napari_unet.__all__)
    for name in names:
        plain, job = (signature(getattr(m, name)) for m in (napari_unet, napari_unet.jobs))
        assert plain.parameters["progress"].default is False
        # what can be said of the one can be said of the other, but for what only panels need
        assert len(plain.parameters) - 1 <= len(job.parameters)


@pytest.mark.parametrize("given", [{}, {"OMP_WAIT_POLICY": "active"}])
def test_only_programs_change_how_threads_wait(given):
    left = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    version = "import sys, napari_unet.cli; sys.argv = ['napari-unet', '--version']"
    for code, expected in (
        ("import napari_unet, napari_unet.cli", "None"),
        (f"{version}\ntry: napari_unet.cli.main()\nexcept SystemExit: pass", "passive"),
        ("import napari_unet.gui.plugin", "passive"),
    ):
        code += "\nimport os; print(os.environ.get('OMP_WAIT_POLICY'))"
        command = [sys.executable, "-c", code]
        end = subprocess.run(command, env=left | given, capture_output=True, text=True, check=True)
        assert end.stdout.split()[-1] == given.get("OMP_WAIT_POLICY", expected)


@pytest.mark.parametrize("folder", ["benchmarks", "tools", "training"])
def test_programs_beside_the_package_import_what_there_is(folder):
    missing = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_unet"):
                module = import_module(node.module)
                for name in (alias.name for alias in node.names):
                    part = f"{node.module}.{name}"
                    if not hasattr(module, name) and find_spec(part) is None:
                        missing.add(f"{path.name}: {part}")
    assert missing == set()
