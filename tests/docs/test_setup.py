"""Setting up from a fresh copy of the project: ``studio.py`` and ``tools/studio_setup``."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from importlib import import_module

import pytest
from places import REPOSITORY as ROOT


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """Load studio.py as it would run in another folder."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("studio", ROOT / "studio.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "install_system_packages", lambda *_, **__: None)
    return module


@pytest.fixture
def environment(studio, tmp_path):
    """An environment that has not been made yet, in the other folder."""
    return studio.Environment(tmp_path, studio.Steps(tmp_path / "log"))


@pytest.fixture
def commands(studio, monkeypatch):
    """Commands that the steps would have run; all of them succeed."""
    run = []
    monkeypatch.setattr(studio.Steps, "attempt", lambda _, title, command: not run.append(command))
    return run


def mark_installed(environment, *extras: str) -> None:
    environment.folder.mkdir(exist_ok=True)
    environment.install_torch = lambda: None
    environment.install(extras)


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


def test_a_finished_set_up_is_not_repeated(studio, environment, commands):
    mark_installed(environment, "napari")
    commands.clear()
    assert studio.main(["setup"]) == 0
    assert commands == []


def test_test_tools_are_installed_for_tests_only(studio, environment, commands, monkeypatch):
    monkeypatch.setattr(studio.Environment, "make", lambda self: self.folder.mkdir(exist_ok=True))
    monkeypatch.setattr(studio.Environment, "install_torch", lambda _: None)
    studio.set_up("napari")
    assert commands[-1][-1].endswith("[napari]")
    studio.set_up("napari", "test")
    assert commands[-1][-1].endswith("[napari,test]")
    commands.clear()
    studio.set_up("napari")
    assert commands == []


def test_changed_requirements_are_installed_anew(environment, commands):
    mark_installed(environment, "napari")
    assert environment.has(["napari"])
    assert not environment.has(["napari", "test"])
    environment.constraints.write_text("numpy==2.0.0\n")
    assert not environment.has(["napari"])


def test_a_broken_environment_is_not_deleted_unasked(studio, environment, capsys):
    environment.folder.mkdir()
    assert studio.main(["setup"]) == 1
    assert "Delete that folder" in capsys.readouterr().err
    assert environment.folder.exists()


def test_a_full_disk_is_noticed_before_the_download(studio, capsys, monkeypatch):
    monkeypatch.setattr(studio, "SPACE_GB", 10**9)
    assert studio.main(["setup"]) == 1
    assert "Free some space" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("needs", "cuda"),
    [(["sympy", "nvidia-cublas==13.1; platform_system == 'Linux'"], True), (["sympy"], False)],
)
def test_more_space_is_asked_for_where_cuda_comes_along(
    studio, environment, commands, monkeypatch, needs, cuda
):
    module = import_module("studio_setup.environment")
    report = json.dumps({"install": [{"metadata": {"requires_dist": needs}}]})
    pip = [sys.executable, "-c", f"print({report!r})"]
    monkeypatch.setattr(studio.Environment, "pip", lambda _, *arguments: pip)
    monkeypatch.setattr(module, "nvidia_driver", lambda: True)
    monkeypatch.setattr(module, "CUDA_SPACE_GB", 10**9)
    monkeypatch.setattr(sys, "platform", "linux")
    if cuda:
        with pytest.raises(studio.SetupError, match="needs 1e"):
            environment.install_torch()
    else:
        environment.install_torch()
    assert len(commands) == (not cuda)


def test_a_configured_pip_is_left_alone(environment, monkeypatch):
    monkeypatch.setattr(environment, "program", lambda name: sys.executable)
    for variable in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    assert not environment.pip_is_configured()
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert environment.pip_is_configured()


def test_a_step_takes_one_line_and_a_failure_names_the_log(studio, tmp_path, capsys):
    steps = studio.Steps(tmp_path / "log")
    noisy = [sys.executable, "-c", "for i in range(99): print('line', i)"]
    steps.run("Noise", noisy, "Be quiet.")
    assert capsys.readouterr().out.count("\n") == 1
    with pytest.raises(studio.SetupError) as caught:
        steps.run("Failure", [*noisy[:-1], f"{noisy[-1]}\nraise SystemExit(3)"], "Mend it.")
    message = str(caught.value)
    assert "line 98" in message
    assert "line 50" not in message
    assert "Mend it." in message
    assert str(steps.log) in message
    assert steps.log.read_text().count("line 98") == 2


def test_missing_system_packages_are_named_where_apt_is_not_allowed(studio, capsys, monkeypatch):
    module = import_module("studio_setup.system_packages")
    monkeypatch.setattr(module, "missing_system_packages", lambda _: ["libegl1", "xvfb"])
    monkeypatch.setattr(module, "apt_get", lambda: None)
    module.install_system_packages(None, for_tests=True)
    assert "apt-get install libegl1 xvfb" in capsys.readouterr().out


def test_a_screen_is_wanted_for_tests_only(studio, monkeypatch):
    module = import_module("studio_setup.system_packages")
    monkeypatch.setattr(module.linux, "has_display", lambda: False)
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    assert "xvfb" in module.missing_system_packages(for_tests=True)
    assert "xvfb" not in module.missing_system_packages(for_tests=False)


def test_every_requirement_has_a_lower_bound_that_can_be_tested(studio):
    bounds = import_module("studio_setup.lowest").lower_bounds(ROOT / "pyproject.toml")
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    dependencies = text.partition("dependencies = [")[2].partition("]")[0]
    assert len(bounds) == dependencies.count('"') // 2 + 1  # and napari
    assert bounds["torch"]


def test_lower_bounds_are_compared_without_closing_zeros(studio):
    release = import_module("studio_setup.lowest")._release
    assert release("2.13.0+cpu") == release("2.13")
    assert release("1.26.4") != release("1.26")


def test_the_smoke_tests_exist(studio):
    assert [name for name in studio.SMOKE_TESTS if not (ROOT / name).exists()] == []
