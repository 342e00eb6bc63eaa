"""What is published beside the code: workflows, citation, conda recipe, plugin page."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from places import REPOSITORY as ROOT

from napari_unet.version import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch"}


def read(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_the_version_is_the_same_everywhere():
    assert read("CITATION.cff")["version"] == __version__
    assert read("packaging/conda/recipe.yaml")["context"]["version"] == __version__
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_licence_is_the_same_everywhere():
    assert read("CITATION.cff")["license"] == PROJECT["license"]
    assert read("packaging/conda/recipe.yaml")["about"]["license"] == PROJECT["license"]


def test_conda_installs_what_pip_installs():
    recipe = read("packaging/conda/recipe.yaml")["requirements"]
    run = [line for line in recipe["run"] if not line.startswith("python ")]
    wanted = map(Requirement, PROJECT["dependencies"])
    assert run == [f"{CONDA_NAMES.get(r.name, r.name)} {r.specifier}" for r in wanted]
    (viewer,) = map(Requirement, PROJECT["optional-dependencies"]["napari"])
    assert recipe["run_constraints"] == [f"{viewer.name} {viewer.specifier}"]


def test_every_python_that_is_promised_is_tested_on_every_system():
    matrix = read(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    found = (re.fullmatch(r"Programming .* (3\.\d+)", line) for line in PROJECT["classifiers"])
    assert matrix["python"] == [match[1] for match in found if match]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}


@pytest.mark.parametrize("name", ["ci", "nightly", "release"])
def test_workflows_ask_for_no_more_rights_than_they_need(name):
    workflow = read(f".github/workflows/{name}.yml")
    assert workflow["permissions"] == {"contents": "read"}
    writing = {
        job: rights
        for job, body in workflow["jobs"].items()
        if "write" in (rights := body.get("permissions", {})).values()
    }
    publishing = {"publish": {"id-token": "write"}, "announce": {"contents": "write"}}
    assert writing == (publishing if name == "release" else {})
    assert not any("password" in step.get("with", {}) for step in steps(workflow))


def test_reports_of_errors_come_with_what_the_doctor_says():
    body = read(".github/ISSUE_TEMPLATE/bug.yml")["body"]
    (doctor,) = (field for field in body if field.get("id") == "doctor")
    assert "napari-unet doctor" in doctor["attributes"]["label"]
    assert doctor["validations"]["required"]


def test_the_page_in_the_napari_hub_has_what_it_is_made_from():
    manifest = read("src/napari_unet/napari.yaml")
    assert manifest["visibility"] == "public"
    assert "Segmentation" in manifest["categories"]
    assert "Framework :: napari" in PROJECT["classifiers"]
    assert PROJECT["readme"] == "README.md"
