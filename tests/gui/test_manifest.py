"""What the plugin offers napari."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from places import REPOSITORY as ROOT

from napari_unet.gui.annotate.commands import COMMANDS

MANIFEST = ROOT / "src" / "napari_unet" / "napari.yaml"
npe2 = pytest.importorskip("npe2", reason="npe2 is not installed: see the extra 'napari'")


@pytest.fixture(scope="module")
def manifest():
    return npe2.PluginManifest.from_file(MANIFEST)


def test_the_manifest_at_the_top_is_the_one_in_the_package():
    # where links can't be made, git writes the path of the target into the file
    top = ROOT / "napari.yaml"
    linked = top.parent / top.read_text("utf-8") if not top.is_symlink() else top
    assert (linked if linked.is_file() else top).read_text("utf-8") == MANIFEST.read_text("utf-8")


def test_npe2_finds_nothing_wrong():
    command = [sys.executable, "-m", "npe2", "validate", str(MANIFEST)]
    end = subprocess.run(command, capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stdout + end.stderr


def test_widgets_are_listed_under_plugins_and_under_layers_segment(manifest):
    offered = manifest.contributions
    titles = ["U-Net Studio", "Load U-Net", "Segment", "Annotate", "Fine-tune", "Measure", "Batch"]
    assert [w.display_name for w in offered.widgets] == titles
    menu = [item.command for item in offered.menus["napari/layers/segment"]]
    assert menu == [w.command for w in offered.widgets]
    annotate = [item.command for item in offered.menus["napari/layers/annotate"]]
    assert annotate == ["napari-unet-studio.annotate", "napari-unet-studio.finetune"]
    assert manifest.display_name == "U-Net Studio"


def test_every_command_leads_to_something(manifest):
    pytest.importorskip("napari")
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name))


def test_the_commands_of_annotate_are_those_that_are_declared(manifest):
    found = {
        command.id.partition(".annotate_")[2]: command.title
        for command in manifest.contributions.commands
        if ".annotate_" in command.id
    }
    assert found == {name: f"Annotate: {c.title}" for name, c in COMMANDS.items()}
