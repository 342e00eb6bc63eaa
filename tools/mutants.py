"""Spot check of the tests: small mistakes, made one at a time, of which they should notice each.

    python tools/mutants.py [--tree DIR] [--paths FILE] [--only TEXT] [--check]

Each mutant replaces a few characters of one line in a temporary copy of the source tree and runs the
tests that ought to fail. What they don't notice "survived": a test is missing, or the line is not
needed. `--tree` names another checkout to put to the same test, `--paths` a file of lines "there here"
that tells how its files are called. `--check` only looks whether each line is still there, once.

Every run is a fork of this process, in which the large libraries are loaded already; that needs Linux
or macOS.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_suffix(".txt")
SOURCE = "src/napari_unet/"
LIBRARIES = ("torch", "scipy.ndimage", "skimage", "tifffile", "typer", "pydantic")
NO_WINDOW = ("-p", "no:qt", "--no-xvfb", "-p", "no:cacheprovider")
QUIET = ("-x", "-q", "--timeout", "120", "-W", "ignore::pytest.PytestAssertRewriteWarning")
PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Mutant:
    """One mistake: in a file below `SOURCE`, `old` becomes `new`; `tests` are those of its subject."""

    file: str
    tests: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}: {self.old}  ->  {self.new}"


def read_mutants() -> list[Mutant]:
    """Read the list beside this file."""
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line]
    lines = [line for line in lines if not line.startswith("#")]
    return [
        Mutant(*where.split(": ", 1), old.removeprefix("- "), new.removeprefix("+ "))
        for where, old, new in zip(*[iter(lines)] * 3, strict=True)
    ]


def main() -> int:
    options = arguments()
    paths = Paths(options.paths)
    chosen = [mutant for mutant in read_mutants() if options.only in str(mutant)]
    missing = [m for m in chosen if paths.text(options.tree, m).count(m.old) != 1]
    for mutant in missing:
        print(f"not there exactly once: {mutant}")
    if options.check or missing:
        return bool(missing)
    for library in LIBRARIES:
        importlib.import_module(library)
    shrink_nothing()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".*", "site", "__pycache__")
        shutil.copytree(options.tree, copy, ignore=ignored, symlinks=True)
        (Path(folder) / "shared").symlink_to(options.tree.resolve().parent / "shared")
        survived = [mutant for mutant in chosen if not killed(mutant, copy, paths)]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutants were killed")
    return bool(survived)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tree", type=Path, default=ROOT, help="checkout to test")
    parser.add_argument("--paths", type=Path, help="how the files of that checkout are called")
    parser.add_argument("--only", default="", help="only mutants with this text in them")
    parser.add_argument("--check", action="store_true", help="run no test")
    return parser.parse_args()


class Paths:
    """How files are called in the tree that is tested."""

    def __init__(self, file: Path | None) -> None:
        lines = file.read_text().splitlines() if file is not None else []
        self._there = {here: there for there, here in map(str.split, filter(None, lines))}

    def of(self, here: str) -> str:
        """Return the name there of a file that is called so here."""
        return self._there.get(here, here)

    def text(self, tree: Path, mutant: Mutant) -> str:
        """Return the source that a mutant changes."""
        return (tree / self.of(SOURCE + mutant.file)).read_text(encoding="utf-8")


def killed(mutant: Mutant, tree: Path, paths: Paths) -> bool:
    """Make one mistake, run its tests, undo it, and report; whether they noticed."""
    file = tree / paths.of(SOURCE + mutant.file)
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
    tests, *others = mutant.tests.split()
    began = time.monotonic()
    try:
        status = run([paths.of(tests), *others], tree)
    finally:
        file.write_text(whole, encoding="utf-8")
    if status not in (PASSED, FAILED):
        raise SystemExit(f"pytest could not run {mutant.tests} (status {status}): {mutant}")
    word = "killed  " if status == FAILED else "SURVIVED"
    print(f"{word} {time.monotonic() - began:5.1f} s  {mutant}", flush=True)
    return status == FAILED


def shrink_nothing() -> None:
    """Have hypothesis report the first example that fails, not the smallest."""
    from hypothesis import Phase, settings

    # profiles that the tests register begin with what is loaded then
    settings.register_profile("first", phases=(Phase.explicit, Phase.generate))
    settings.load_profile("first")


def run(tests: list[str], tree: Path) -> int:
    """Run tests in a fork, with the package as it is in the tree; returns pytest's exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 3
    try:
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree / "src")
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(tree / "src"))
        import pytest

        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            status = int(pytest.main([*QUIET, *NO_WINDOW, *tests]))
        if status not in (PASSED, FAILED):
            print(said.getvalue(), flush=True)
    except BaseException:  # noqa: BLE001 - a fork must not go on with what its parent does
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
