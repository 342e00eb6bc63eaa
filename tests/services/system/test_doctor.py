from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_unet.services.system import (
    accelerator,
    doctor,
    linux,
    plugin,
    requirements,
    viewer,
    window,
)
from napari_unet.services.system.accelerator import describe_accelerator, nvidia_cards
from napari_unet.services.system.doctor import examine, examine_folder, examine_requirements
from napari_unet.services.system.plugin import examine_import_name, examine_plugin
from napari_unet.services.system.requirements import (
    install_command,
    reinstall_command,
    viewer_requirement,
)
from napari_unet.services.system.viewer import describe_window, examine_viewer
from napari_unet.services.system.window import WindowTrial, try_window

posix = pytest.mark.skipif(sys.platform == "win32", reason="runs a shell script")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks the loader of Linux")


def test_a_working_set_up_has_nothing_broken():
    findings = examine()
    assert {"Python", "U-Net Studio", "PyTorch", "Graphics card", "Memory", "Model folder"} <= {
        finding.title for finding in findings
    }
    assert [finding for finding in findings if finding.ok is False] == []
    assert all(finding.detail for finding in findings)


def test_another_distribution_with_our_import_name_is_noticed(tmp_path, monkeypatch):
    info = tmp_path / "napari_unet-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: napari-unet\nVersion: 0.3\n")
    (info / "top_level.txt").write_text("napari_unet\n")
    monkeypatch.syspath_prepend(tmp_path)
    (last,) = examine_import_name()
    assert last.ok is False
    assert "napari-unet is installed, too" in last.detail
    assert "pip uninstall napari-unet" in last.advice


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs distributions that are nothing but their metadata; the package's own first."""

    def install(name, version, *requires, url=None, manifest=None):
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines))
        if url:
            (info / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {}}))
        if manifest:
            (info / "entry_points.txt").write_text(
                f"[napari.manifest]\n{name} = {name}:napari.yaml"
            )
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").touch()
            (tmp_path / name / "napari.yaml").write_text(json.dumps({"name": name, **manifest}))

    monkeypatch.syspath_prepend(tmp_path)
    return install


def test_packages_that_are_missing_or_too_old_are_named_with_the_command(installed):
    installed(
        requirements.DISTRIBUTION,
        "0.1",
        "numpy>=999",
        "nowhere-to-be-found>=2",
        "psutil>=1",
        "never-on-this>=1; sys_platform == 'none'",
        "napari[pyqt6]>=0.7; extra == 'napari'",
    )
    (finding,) = examine_requirements()
    assert finding.ok is False
    assert "nowhere-to-be-found>=2 (here: not installed)" in finding.detail
    assert f"numpy>=999 (here: {importlib.metadata.version('numpy')})" in finding.detail
    assert 'install "numpy>=999" "nowhere-to-be-found>=2"' in finding.advice
    assert str(viewer_requirement()) == "napari[pyqt6]>=0.7"


def test_a_napari_below_the_lower_bound_is_refused(installed, monkeypatch):
    installed(requirements.DISTRIBUTION, "0.1", "napari[pyqt6]>=99; extra == 'napari'")
    installed("napari", "0.6.4")
    monkeypatch.setattr(viewer, "examine_plugin", list)
    finding = examine_viewer()[0]
    assert finding.ok is False
    assert "0.6.4 is installed, and the plugin needs >=99" in finding.detail
    assert 'install "napari[pyqt6]>=99"' in finding.advice


def test_without_napari_no_window_is_tried_and_the_command_is_named(monkeypatch):
    assert viewer.viewer_hint() == ""
    monkeypatch.setattr(viewer, "try_window", pytest.fail)
    monkeypatch.setattr(viewer, "installed_version", lambda _: None)
    assert not viewer.can_open_viewer()
    assert 'install "napari[pyqt6]' in viewer.viewer_hint()


def test_a_source_folder_that_is_not_installed_is_told_how(monkeypatch):
    monkeypatch.setattr(requirements, "DISTRIBUTION", "not-installed-at-all")
    (finding,) = examine_requirements()
    assert finding.ok is None
    assert "install -e" in finding.advice


def test_commands_work_before_the_package_is_on_an_index(installed, tmp_path):
    installed(requirements.DISTRIBUTION, "0.1", url=tmp_path.as_uri())
    assert reinstall_command().endswith(f'install --force-reinstall --no-deps "{tmp_path}"')
    assert requirements.DISTRIBUTION not in install_command(str(viewer_requirement()))


def test_napari_finds_the_plugin():
    (finding,) = examine_plugin()
    assert finding.ok is True
    assert "U-Net Studio with 7 widgets" in finding.detail


def test_a_plugin_that_napari_cannot_find_is_installed_again(monkeypatch):
    monkeypatch.setattr(plugin, "DISTRIBUTION", "not-installed-at-all")
    finding = examine_plugin()[0]
    assert finding.ok is False
    assert "--force-reinstall" in finding.advice


def test_a_disabled_plugin_is_noticed(monkeypatch):
    monkeypatch.setattr(plugin, "disabled_plugins", lambda: ["other", plugin.DISTRIBUTION])
    (finding,) = examine_plugin()
    assert finding.ok is False
    assert "disabled" in finding.detail


def test_other_plugins_that_claim_our_names_are_named(installed):
    installed("unet_twin", "1.0", manifest={"display_name": "U-Net Studio"})
    _, finding = examine_plugin()
    assert finding.ok is None
    assert "unet_twin also claims the name U-Net Studio" in finding.detail
    assert "uninstall unet_twin" in finding.advice


@pytest.mark.parametrize(
    ("cards", "devices", "cuda", "ok", "says", "advises"),
    [
        (["RTX 4090"], ["cuda", "cpu"], "13.0", True, "uses RTX 4090", ""),
        (["RTX 4090"], ["cpu"], None, None, "processors only", "PyTorch for CUDA"),
        (["RTX 4090"], ["cpu"], "13.0", None, "can't use RTX 4090", "NVIDIA driver"),
        ([], ["mps", "cpu"], None, True, "Apple", ""),
        ([], ["cpu"], None, None, "processor", ""),
    ],
)
def test_graphics_card(cards, devices, cuda, ok, says, advises):
    finding = describe_accelerator(cards, devices, cuda)
    assert finding.ok is ok
    assert says in finding.detail
    assert advises in finding.advice
    assert bool(advises) == bool(finding.advice)


@posix
def test_cards_are_named_by_the_driver(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA A4000, 16376 MiB, 570.86'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert nvidia_cards() == ["NVIDIA A4000, 16376 MiB, 570.86"]
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert nvidia_cards() == []


def test_a_folder_that_is_not_there_yet_is_fine(tmp_path):
    assert examine_folder(tmp_path / "not" / "yet").ok
    assert not (tmp_path / "not").exists()


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    file = tmp_path / "file"
    file.touch()
    finding = examine_folder(file / "models")
    assert finding.ok is False
    assert str(file) in finding.advice


@pytest.mark.parametrize(
    ("trial", "display", "ok", "says"),
    [
        (WindowTrial(error="libEGL.so.1: cannot open"), True, False, "libEGL.so.1"),
        (WindowTrial("PyQt6 6.11", error="xcb-cursor0 is needed"), True, False, "xcb-cursor0"),
        (WindowTrial("PyQt6 6.11", "offscreen"), False, None, "none: napari"),
        (WindowTrial("PyQt6 6.11", "xcb"), True, False, "no OpenGL context"),
        (WindowTrial("PyQt6 6.11", "xcb", "llvmpipe (LLVM 15)", "4.5"), True, None, "llvmpipe"),
        (WindowTrial("PyQt6 6.11", "cocoa", "Apple M2", "4.1"), True, True, "Apple M2"),
    ],
)
def test_window(trial, display, ok, says):
    last = describe_window(trial, display)[-1]
    assert last.ok is ok
    assert says in last.detail
    assert bool(last.advice) == (ok is not True)


def test_a_qt_that_aborts_is_reported(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    trial = try_window()
    assert trial.binding
    assert not trial.platform
    assert "nonsense" in trial.error


@on_linux
def test_missing_libraries_are_named_with_their_packages(monkeypatch):
    wanted = {"libc.so.6": "libc6", "libnowhere.so.0": "libnowhere0"}
    monkeypatch.setattr(linux, "LIBRARIES", wanted)
    assert linux.missing_libraries() == {"libnowhere.so.0": "libnowhere0"}


@on_linux
def test_a_system_without_fonts_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(linux, "FONT_FOLDERS", (str(tmp_path), str(tmp_path / "absent")))
    assert linux.lacks_fonts()
    (tmp_path / "truetype").mkdir()
    (tmp_path / "truetype" / "Sans.ttf").touch()
    assert not linux.lacks_fonts()


def test_little_memory_and_a_full_disk_are_told_before_they_matter(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "free_memory", lambda: 1 << 20)
    finding = doctor.examine_memory()
    assert (finding.ok, finding.advice[:5]) == (None, "Close")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    finding = examine_folder(tmp_path / "not there yet")
    assert (finding.ok, finding.advice[:4]) == (None, "Free")


def test_missing_system_libraries_are_named_with_their_packages(monkeypatch):
    monkeypatch.setattr(viewer, "examine_plugin", list)
    monkeypatch.setattr(viewer, "try_window", WindowTrial)
    monkeypatch.setattr(viewer, "missing_libraries", lambda: {"libEGL.so.1": "libegl1"})
    (finding,) = (f for f in examine_viewer() if f.title == "System libraries")
    assert finding.detail == "missing: libEGL.so.1"
    assert "sudo apt-get install libegl1" in finding.advice


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_only_linux_lacks_system_libraries_fonts_or_a_display(monkeypatch, system):
    monkeypatch.setattr(linux.sys, "platform", system)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert linux.missing_libraries() == {}
    assert not linux.lacks_fonts()
    assert linux.has_display()


def test_a_window_that_does_not_answer_is_told_and_without_a_display_qt_is_tried(monkeypatch):
    asked = []

    def hang(*_, env, timeout, **__):
        asked.append(env.get("QT_QPA_PLATFORM"))
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr(window.subprocess, "run", hang)
    monkeypatch.setattr(window, "has_display", lambda: False)
    assert try_window(2).error == "no answer within 2 s"
    assert asked == ["offscreen"]


def test_without_npe2_or_an_answer_of_napari_nothing_is_said_of_the_plugin(monkeypatch):
    answers = iter(["", "no JSON", OSError("no python")])

    def answer(*_, **__):
        text = next(answers)
        if isinstance(text, Exception):
            raise text
        return SimpleNamespace(stdout=text)

    monkeypatch.setattr(plugin.subprocess, "run", answer)
    assert [plugin.disabled_plugins() for _ in range(3)] == [[], [], []]
    # it is among the requirements then
    monkeypatch.setitem(sys.modules, "npe2", None)
    assert examine_plugin() == []


@pytest.mark.parametrize(
    ("pip", "programs", "begins"),
    [
        (None, {"uv": "/usr/bin/uv"}, "uv pip install --python"),
        (None, {}, f'"{sys.executable}" -m pip install'),
        ("spec", {"pip": "/another/environment/pip"}, f'"{sys.executable}" -m pip install'),
        ("spec", {"pip": str(Path(sys.executable).with_name("pip"))}, 'pip install "a"'),
    ],
)
def test_the_command_is_one_of_this_environment(monkeypatch, pip, programs, begins):
    monkeypatch.setattr(requirements.importlib.util, "find_spec", lambda _: pip)
    monkeypatch.setattr(requirements.shutil, "which", programs.get)
    assert install_command("a").startswith(begins)


def test_where_a_package_that_was_never_installed_comes_from_is_not_known(monkeypatch):
    monkeypatch.setattr(requirements, "DISTRIBUTION", "not-installed-at-all")
    assert reinstall_command().endswith('"not-installed-at-all"')


def test_torch_that_can_not_be_loaded_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (finding,) = accelerator.examine_torch([])
    assert finding.ok is False
    assert "can't be imported" in finding.detail
