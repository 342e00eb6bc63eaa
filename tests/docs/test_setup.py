from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from places import REPOSITORY as ROOT


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """Load studio.py as it would run in another folder."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("studio", ROOT / "studio.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "stamp")
    return module


def test_it_starts_on_a_python_with_nothing_installed():
    command = [sys.executable, "-I", "-S", str(ROOT / "studio.py"), "--help"]
    end = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "studio.py demo" in end.stdout


def test_an_unknown_command_is_answered_with_the_known_ones(studio, capsys):
    assert studio.main(["dance"]) == 2
    assert "studio.py test" in capsys.readouterr().out


def test_an_old_python_is_told_which_one_to_get(studio, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert studio.main(["demo"]) == 1
    assert "Install Python 3.11 or newer" in capsys.readouterr().err


def test_a_finished_set_up_is_not_repeated(studio, monkeypatch):
    monkeypatch.setattr(studio, "install_system_packages", lambda: None)
    studio.VENV.mkdir()
    studio.STAMP.write_text(studio.fingerprint())
    monkeypatch.setattr(studio.subprocess, "call", pytest.fail)
    assert studio.main(["setup"]) == 0


def test_a_broken_environment_is_not_deleted_unasked(studio, capsys, monkeypatch):
    monkeypatch.setattr(studio, "install_system_packages", lambda: None)
    monkeypatch.setattr(studio.subprocess, "call", lambda *_, **__: 1)
    studio.VENV.mkdir()
    assert studio.main(["setup"]) == 1
    assert "Delete that folder" in capsys.readouterr().err
    assert studio.VENV.exists()


def test_missing_system_packages_are_named_where_apt_is_not_allowed(studio, capsys, monkeypatch):
    monkeypatch.setattr(studio, "missing_system_packages", lambda: ["libegl1", "xvfb"])
    monkeypatch.setattr(studio, "apt_get", lambda: None)
    studio.install_system_packages()
    assert "apt-get install libegl1 xvfb" in capsys.readouterr().out


def test_a_full_disk_is_noticed_before_the_download(studio, capsys, monkeypatch):
    monkeypatch.setattr(studio, "install_system_packages", lambda: None)
    monkeypatch.setattr(studio, "SPACE_NEEDED_GB", 10**9)
    assert studio.main(["setup"]) == 1
    assert "Free some space" in capsys.readouterr().err


def test_a_configured_pip_is_left_alone(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "program", lambda name: sys.executable)
    for variable in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    assert not studio.pip_is_configured()
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert studio.pip_is_configured()
