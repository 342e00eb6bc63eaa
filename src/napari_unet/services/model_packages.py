"""Packages that bring models of their own: those of a laboratory, or under terms of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

GROUP = "napari_unet.models"
"""Group of the entry points; each names the Python package whose folder holds the model files."""


@dataclass(frozen=True)
class ModelPackage:
    """An installed package with models.

    Attributes
    ----------
    name
        Its name, as pip knows it.
    licence
        Its licence, as it states; empty if it states none.
    folder
        Folder of its model files.
    """

    name: str
    licence: str
    folder: Path


@cache
def installed_packages() -> tuple[ModelPackage, ...]:
    """Return the packages with models, by name; one whose folder can't be found is left out."""
    found = [_package(point) for point in entry_points(group=GROUP)]
    return tuple(sorted((each for each in found if each), key=lambda each: each.name))


def _package(point: EntryPoint) -> ModelPackage | None:
    # found but not imported: models are data, and no code of the package runs
    try:
        spec = None if "." in point.value else find_spec(point.value)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        return None
    facts = {} if point.dist is None else point.dist.metadata.json
    licence = str(facts.get("license_expression") or facts.get("license") or "")
    # a whole text of a licence says on its first line which one it is
    lines = [line for line in licence.removeprefix("LicenseRef-").splitlines() if line.strip()]
    name = str(facts.get("name") or point.name)
    return ModelPackage(name, lines[0] if lines else "", Path(spec.submodule_search_locations[0]))
