"""The guide: it builds without a network, its pictures are the script's, and what it names exists."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from places import REPOSITORY as ROOT
from typer.main import get_command

from napari_unet.cli import app
from napari_unet.gui.annotate.commands import COMMANDS, SUITS
from napari_unet.gui.annotate.commands import shown as shown_key

DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "napari_unet"
PAGES = sorted(DOCS.rglob("*.md"))
NAMING = [page for page in PAGES if page.stem not in ("architecture", "evaluating")]
"""Pages for people who click: what stands in bold or italics there is the name of something."""
OF_NAPARI = {
    "Features table widget",
    "File",
    "Layers",
    "Metadata",
    "Open Sample",
    "Plugins",
    "Preferences",
    "Save Selected Layers",
    "Shortcuts",
    "Viewer key bindings",
    "contrast limits",
}


def name_of(page):
    return page.relative_to(DOCS).as_posix()


def shown(page):
    """Names of the pictures that a page shows."""
    return re.findall(r"!\[[^]]+\]\([^)]*images/([\w-]+)\.png\)", page.read_text("utf-8"))


def taken():
    """Names of the pictures that the script takes."""
    sources = (ROOT / "tools" / "pictures").glob("*.py")
    return [name for s in sources for name in re.findall(r'take\("([\w-]+)"', s.read_text("utf-8"))]


def commands(page):
    """Lines of `napari-unet` in a page's blocks of code, in words."""
    blocks = re.findall(r"^```\n(.+?)^```", page.read_text("utf-8"), re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    ours = [line for line in lines if line.startswith("napari-unet ")]
    return [shlex.split(line, comments=True)[1:] for line in ours]


def titles():
    """Strings of the forms, of the options that they show, and of the manifest."""
    names = ("services/segmentation", "services/training", "core/training", "core/augment")
    options = [PACKAGE / name / "options.py" for name in names]
    found = set()
    for source in [*(PACKAGE / "gui").rglob("*.py"), *options]:
        nodes = ast.walk(ast.parse(source.read_text("utf-8")))
        found |= {
            n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)
        }
    manifest = yaml.safe_load((PACKAGE / "napari.yaml").read_text("utf-8"))
    offered = manifest["contributions"]
    named = [manifest, *offered["widgets"], *offered["sample_data"]]
    return found | {one["display_name"] for one in named}


def names(page):
    """What stands in bold or italics in a page, without the sentences that do."""
    text = re.sub(r"^```.+?^```|`[^`\n]+`", "", page.read_text("utf-8"), flags=re.M | re.S)
    spans = re.findall(r"\*\*([^*]+)\*\*|(?<!\*)\*([^*\s][^*]*)\*(?!\*)", text)
    said = [" ".join((bold or italic).split()) for bold, italic in spans]
    return [name for one in said if one[-1] not in ".?:" for name in one.split(" ▸ ")]


def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stdout + end.stderr
    built = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert built == {name_of(page).removesuffix("md") + "html" for page in PAGES} | {"404.html"}
    fetched = re.compile(r"<(?:script|img|iframe)[^>]+src=\"?(?:https?:)?//|<link[^>]+href=\"?http")
    assert [name for name in built if fetched.search((tmp_path / name).read_text("utf-8"))] == []
    assert [
        sheet.name
        for sheet in tmp_path.rglob("*.css")
        if re.search(r"url\(['\"]?(https?:)?//", sheet.read_text("utf-8"))
    ] == []


def test_every_picture_is_taken_by_the_script_once_and_shown_somewhere():
    there = {path.stem for path in (DOCS / "images").iterdir()}
    assert sorted(taken()) == sorted(there)
    assert {name for page in [*PAGES, ROOT / "README.md"] for name in shown(page)} == there


@pytest.mark.parametrize("page", NAMING, ids=name_of)
def test_what_a_page_names_exists(page):
    known = titles()

    def exists(name):
        if name[-1] == "…" and any(title.startswith(name[:-1].rstrip()) for title in known):
            return True
        # kinds of paint are shown with a capital letter
        return bool({name, name.lower()} & known) or name in OF_NAPARI

    assert [name for name in names(page) if not exists(name)] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_the_commands_of_a_page_exist_with_their_options(page):
    for line in commands(page):
        command, words = get_command(app), list(line)
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        assert {word for word in words if re.match("--?[a-z]", word)} <= {*known, "--help"}, line


def test_the_command_line_has_a_page_with_every_command():
    group = get_command(app)
    told = {line[0] for line in commands(DOCS / "command-line.md")}
    assert told == set(group.commands)
    subcommands = {
        line[1]
        for line in commands(DOCS / "command-line.md")
        if line[:1] == ["models"] and line[1:]
    }
    assert subcommands == set(group.commands["models"].commands)


def test_the_table_of_keys_is_that_of_the_code():
    page = (DOCS / "annotating.md").read_text("utf-8")
    rows = [
        f"| {shown_key(c.key) or '–'} | {c.title} | {SUITS[c.suits]} |" for c in COMMANDS.values()
    ]
    assert "\n".join(rows) in page
