from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_unet.core.atomic import UNFINISHED_PATTERN, atomic_path
from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def write_and_fail(path: Path, error: BaseException) -> None:
    with atomic_path(path) as part:
        part.write_text("half")
        raise error


def test_it_writes_and_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    with atomic_path(path) as part:
        assert part.parent == path.parent
        part.write_text("done")
        assert not path.exists()
    assert path.read_text() == "done"
    assert names(path.parent) == ["a.txt"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_and_fail(path, KeyboardInterrupt())
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "says"), [(errno.ENOSPC, "no room"), (errno.EACCES, "can't be written")]
)
def test_the_system_refuses(tmp_path: Path, code: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        write_and_fail(tmp_path / "a.txt", OSError(code, os.strerror(code)))
    assert names(tmp_path) == []


def test_a_file_cannot_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with (
        pytest.raises(UserError, match="can't be written"),
        atomic_path(tmp_path / "a.txt") as part,
    ):
        part.write_text("x")
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_cannot_be_made_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with (
        pytest.raises(UserError, match="can't be written"),
        atomic_path(tmp_path / "a.txt" / "b.txt"),
    ):
        pass


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_the_mode_is_that_of_any_new_file_and_links_are_followed(tmp_path: Path) -> None:
    plain, link, target = tmp_path / "plain", tmp_path / "link", tmp_path / "target"
    plain.write_text("x")
    link.symlink_to(target)
    with atomic_path(link) as part:
        part.write_text("through the link")
    assert link.is_symlink()
    assert target.read_text() == "through the link"
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_file_that_appeared_meanwhile_is_not_replaced_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    writing = atomic_path(path, replace=False)
    writing.__enter__().write_text("mine")
    path.write_text("theirs")
    with pytest.raises(UserError, match="already exists"):
        writing.__exit__(None, None, None)
    assert path.read_text() == "theirs"
    path.unlink()
    with atomic_path(path, replace=False) as part:
        part.write_text("mine")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "mine"


def test_what_killed_programs_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    code = "import os,sys,pathlib; from napari_unet.core.atomic import atomic_path\n"
    code += "with atomic_path(pathlib.Path(sys.argv[1])) as part: os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], check=False)
    (killed,) = tmp_path.glob(UNFINISHED_PATTERN)
    alive = tmp_path / re.sub(r"-\d+-", f"-{os.getpid()}-", killed.name)
    strange = tmp_path / ".napari-unet-00000000-1-ab.part"
    for path in (alive, strange):
        path.touch()
    with atomic_path(tmp_path / "b.txt") as part:
        part.write_text("x")
    assert sorted(tmp_path.iterdir()) == sorted([alive, strange, tmp_path / "b.txt"])
