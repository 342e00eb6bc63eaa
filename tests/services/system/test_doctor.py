from __future__ import annotations

import sys

import pytest

from napari_unet.services.system import linux
from napari_unet.services.system.doctor import (
    examine,
    examine_folder,
    examine_package,
    judge_accelerator,
    judge_window,
    nvidia_cards,
)
from napari_unet.services.system.window import Trial, try_window

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
    last = examine_package()[-1]
    assert last.ok is False
    assert "napari-unet is installed too" in last.detail
    assert "pip uninstall napari-unet" in last.advice


@pytest.mark.parametrize(
    ("cards", "devices", "cuda", "ok", "says", "advises"),
    [
        (["RTX 4090"], ["cuda", "cpu"], "13.0", True, "uses RTX 4090", ""),
        (["RTX 4090"], ["cpu"], None, None, "processors only", "PyTorch for CUDA"),
        (["RTX 4090"], ["cpu"], "13.0", None, "can't use it", "NVIDIA driver"),
        ([], ["mps", "cpu"], None, True, "Apple", ""),
        ([], ["cpu"], None, None, "processor", ""),
    ],
)
def test_graphics_card(cards, devices, cuda, ok, says, advises):
    finding = judge_accelerator(cards, devices, cuda)
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
        (Trial(complaint="libEGL.so.1: cannot open"), True, False, "libEGL.so.1"),
        (Trial("PyQt6 6.11", complaint="xcb-cursor0 is needed"), True, False, "xcb-cursor0"),
        (Trial("PyQt6 6.11", "offscreen"), False, None, "none here"),
        (Trial("PyQt6 6.11", "xcb"), True, False, "no OpenGL context"),
        (Trial("PyQt6 6.11", "xcb", "llvmpipe (LLVM 15)", "4.5"), True, None, "llvmpipe"),
        (Trial("PyQt6 6.11", "cocoa", "Apple M2", "4.1"), True, True, "Apple M2"),
    ],
)
def test_window(trial, display, ok, says):
    last = judge_window(trial, display)[-1]
    assert last.ok is ok
    assert says in last.detail
    assert bool(last.advice) == (ok is not True)


def test_a_qt_that_aborts_leaves_a_complaint(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    trial = try_window()
    assert trial.binding
    assert not trial.platform
    assert "nonsense" in trial.complaint


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
