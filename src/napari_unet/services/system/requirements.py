"""Whether installed packages are as new as this one needs, by what it declares itself."""

from __future__ import annotations

import importlib.metadata

from packaging.requirements import Requirement

from napari_unet.core.errors import UserError

DISTRIBUTION = "napari-unet-studio"


def requirement_of(package: str) -> Requirement | None:
    """Return which versions of a package are needed; None where that is not known.

    It is not known where this package is not installed, but only lies on the import path.
    """
    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    declared = map(Requirement, lines)
    return next((each for each in declared if each.name == package and each.specifier), None)


def check_version(package: str) -> None:
    """Raise a `UserError` where the installed version of a package is not among those needed."""
    needed = requirement_of(package)
    installed = importlib.metadata.version(package)
    if needed is None or needed.specifier.contains(installed, prereleases=True):
        return
    extras = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
    raise UserError(
        f"This version of {package} does not work with U-Net Studio",
        value=installed,
        rule=f"U-Net Studio needs {package} {needed.specifier}.",
        remedy=f'Install it: python -m pip install --upgrade "{package}{extras}{needed.specifier}"',
    )
