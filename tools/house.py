"""Measure the structure of the package: files a folder, circles, long functions and files, docstrings.

    python tools/house.py            the tree that this file is in
    python tools/house.py PATH       another checkout, to compare with
    python tools/house.py --list     name what is over the limits, too

Standard library only, so that it also reads trees whose dependencies are not installed.
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median, quantiles

PACKAGE = "napari_unet"
FUNCTION_LINES = (40, 60)
FILE_LINES = (250, 300)
FILES_A_FOLDER = 20

Graph = dict[str, set[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--list", action="store_true", help="name what is over the limits")
    given = parser.parse_args()
    modules = read_modules(given.path / "src")
    folders = Counter(path.parent for path, _ in modules.values())
    functions = sorted(functions_of(modules), reverse=True)
    files = sorted(((lines_of(path), name) for name, (path, _) in modules.items()), reverse=True)
    missing, public = docstrings(modules)
    lengths = [length for length, _ in functions]

    folder, most = max(folders.items(), key=lambda item: item[1])
    print(f"files                         {len(modules)} in {len(folders)} folders")
    print(f"files a folder, most          {most} ({folder.relative_to(given.path)})")
    crowded = sum(n > FILES_A_FOLDER for n in folders.values())
    print(f"folders over {FILES_A_FOLDER} files         {crowded}")
    graph = imports_of(modules)
    print(f"circles of files              {len(circles(graph))}")
    for layer in ("core", "services", "gui", "cli"):
        print(f"circles of wings, {layer:<11} {len(circles(wings_of(graph, layer)))}")
    print(
        f"function lines, median, 90 %  {median(lengths):.0f}, {quantiles(lengths, n=10)[-1]:.0f}"
    )
    for limit in FUNCTION_LINES:
        print(f"functions over {limit} lines       {sum(n > limit for n in lengths)}")
    for limit in FILE_LINES:
        print(f"files over {limit} lines          {sum(n > limit for n, _ in files)}")
    print(f"public names, no docstring    {len(missing)} of {public}")
    if given.list:
        for length, name in [*functions, *files]:
            if length > (FILE_LINES[0] if ":" not in name else FUNCTION_LINES[0]):
                print(f"{length:5} {name}")
        print(*(f"no docstring: {name}" for name in missing), sep="\n")


def read_modules(source: Path) -> dict[str, tuple[Path, ast.Module]]:
    """Read every module of the package; a dotted name to its path and its syntax tree."""
    found = {}
    for path in sorted((source / PACKAGE).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path, ast.parse(path.read_text("utf-8"))
    return found


def lines_of(path: Path) -> int:
    """Count the lines of a file."""
    return len(path.read_text("utf-8").splitlines())


def functions_of(modules: dict[str, tuple[Path, ast.Module]]) -> list[tuple[int, str]]:
    """Return the lines of each function, signature included and docstring left out, and its name."""
    found = []
    for name, (_, tree) in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                text = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0
                found.append((node.end_lineno - node.lineno + 1 - text, f"{name}:{node.name}"))
    return found


def docstrings(modules: dict[str, tuple[Path, ast.Module]]) -> tuple[list[str], int]:
    """Return the public functions, classes and modules without a docstring, and how many there are."""
    missing, count = [], 0
    for name, (_, tree) in modules.items():
        outer = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        inner = [
            n
            for c in outer
            if isinstance(c, ast.ClassDef) and not c.name.startswith("_")
            for n in c.body
            if isinstance(n, ast.FunctionDef) and not is_setter(n)
        ]
        named = [n for n in (*outer, *inner) if not n.name.startswith("_")]
        count += 1 + len(named)
        missing += [name] if ast.get_docstring(tree) is None else []
        missing += [f"{name}:{n.name}" for n in named if ast.get_docstring(n) is None]
    return missing, count


def is_setter(node: ast.FunctionDef) -> bool:
    """Whether a function sets a property, whose docstring is that of its getter."""
    return any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in node.decorator_list)


def imports_of(modules: dict[str, tuple[Path, ast.Module]]) -> Graph:
    """Return which modules each module imports, within functions and for types alike."""
    graph: Graph = {name: set() for name in modules}
    for name, (_, tree) in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    graph[name].add(inner if inner in modules else str(node.module))
    return graph


def wings_of(graph: Graph, layer: str) -> Graph:
    """Return which wings of a layer import which others."""
    wings: Graph = defaultdict(set)

    def wing(name: str) -> str:
        parts = name.split(".")
        return parts[2] if len(parts) > 2 and parts[1] == layer else ""

    for name, others in graph.items():
        for other in others:
            if wing(name) and wing(other) and wing(name) != wing(other):
                wings[wing(name)].add(wing(other))
    return wings


def circles(graph: Graph) -> list[set[str]]:
    """Return the groups of names that reach each other."""
    reach = {name: reached(graph, name) for name in graph}
    found: list[set[str]] = []
    for name in graph:
        group = {other for other in reach[name] if name in reach.get(other, ())}
        if group and group not in found:
            found.append(group)
    return found


def reached(graph: Graph, start: str) -> set[str]:
    """Return all names that are imported from a start, at any distance."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        for name in graph.get(ahead.pop(), ()):
            if name not in seen:
                seen.add(name)
                ahead.append(name)
    return seen


if __name__ == "__main__":
    main()
