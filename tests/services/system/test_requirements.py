"""Installed packages that are too old are named in words."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from napari_unet.core.errors import UserError
from napari_unet.services.system.requirements import check_version, requirement_of

OLD_NAPARI = """
import importlib.metadata

installed = importlib.metadata.version
importlib.metadata.version = lambda name: "0.4.19" if name == "napari" else installed(name)
from napari_unet.gui.plugin import SegmentDock
"""


@pytest.fixture
def declared(monkeypatch):
    """Have this package say that it needs certain versions."""
    lines = ["numpy>=2", 'napari[pyqt6]>=0.7.0; extra == "napari"', "tqdm"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)


def install(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize("version", ["0.7.0", "0.7.1rc2", "0.8.0.dev3", "1.0"])
def test_new_versions_are_accepted(monkeypatch, version):
    install(monkeypatch, version)
    check_version("napari")
    check_version("tqdm")


@pytest.mark.usefixtures("declared")
def test_an_old_version_is_named_with_the_line_that_mends_it(monkeypatch):
    install(monkeypatch, "0.6.6")
    with pytest.raises(UserError, match="does not work with U-Net Studio") as caught:
        check_version("napari")
    assert caught.value.value == "0.6.6"
    assert caught.value.rule == "U-Net Studio needs napari >=0.7.0."
    assert caught.value.remedy.endswith('pip install --upgrade "napari[pyqt6]>=0.7.0"')


@pytest.mark.usefixtures("declared")
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    def missing(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(UserError, match="napari is not installed") as caught:
        check_version("napari")
    assert caught.value.remedy.endswith('install "napari[pyqt6]>=0.7.0"')


def test_without_an_installation_nothing_is_known(monkeypatch):
    def missing(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "requires", missing)
    assert requirement_of("napari") is None
    check_version("napari")


def test_the_plugin_refuses_an_old_napari_in_words():
    pytest.importorskip("napari")
    if requirement_of("napari") is None:
        pytest.skip("the package is not installed")
    command = [sys.executable, "-c", OLD_NAPARI]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode != 0
    assert "UserError: This version of napari does not work with U-Net Studio" in last
    assert "0.4.19" in last
