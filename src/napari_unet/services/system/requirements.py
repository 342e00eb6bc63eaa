"""Which packages U-Net Studio needs, by its own metadata, and how to install what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement

from napari_unet.core.errors import UserError

DISTRIBUTION = "napari-unet-studio"
VIEWER = "napari[pyqt6]"


@dataclass(frozen=True)
class UnmetRequirement:
    """A package that is missing or too old.

    Attributes
    ----------
    requirement
        What U-Net Studio asks for, as ``numpy>=1.26.4``.
    installed
        The version that is installed; ``None`` if there is none.
    """

    requirement: str
    installed: str | None


def requirements(extra: str = "") -> list[Requirement]:
    """Requirements of this package on this computer.

    Parameters
    ----------
    extra
        Name of an extra, to get what that adds; otherwise what is always needed.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If the package runs from a source folder without having been installed.
    """
    chosen = []
    for requirement in map(Requirement, importlib.metadata.requires(DISTRIBUTION) or []):
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if (not extra and always) or (
            extra and not always and marker is not None and marker.evaluate({"extra": extra})
        ):
            chosen.append(requirement)
    for requirement in chosen:
        requirement.marker = None
    return chosen


def unmet(wanted: list[Requirement]) -> list[UnmetRequirement]:
    """Those of some requirements that are missing or too old here."""
    missing = []
    for requirement in wanted:
        installed = installed_version(requirement.name)
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            missing.append(UnmetRequirement(str(requirement), installed))
    return missing


def installed_version(name: str) -> str | None:
    """Version of an installed package; ``None`` if it isn't installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def requirement_of(package: str) -> Requirement | None:
    """Which versions of a package are needed, always or for the viewer.

    ``None`` if it isn't needed, or if this package runs from its source folder without having been
    installed, so that nothing is known of its requirements.
    """
    try:
        declared = [*requirements(), *requirements("napari")]
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((each for each in declared if each.name == package and each.specifier), None)


def check_version(package: str) -> None:
    """Refuse a package that is missing or older than needed.

    Raises
    ------
    UserError
        Names what is installed, what is needed and the command that installs it.
    """
    needed = requirement_of(package) or Requirement(VIEWER if package == "napari" else package)
    installed = installed_version(package)
    if installed is None:
        raise UserError(
            f"{package} is not installed",
            rule="U-Net Studio needs it for its window; Python and command line work without it.",
            remedy=f"Install it: {install_command(str(needed))}",
        )
    if not needed.specifier.contains(installed, prereleases=True):
        raise UserError(
            f"This version of {package} does not work with U-Net Studio",
            value=installed,
            rule=f"U-Net Studio needs {package} {needed.specifier}.",
            remedy=f"Install it: {install_command(str(needed), options='--upgrade')}",
        )


def viewer_requirement() -> Requirement:
    """What to install for the viewer, with its lower bound where that is known."""
    return requirement_of("napari") or Requirement(VIEWER)


def install_command(*packages: str, options: str = "") -> str:
    """Line that installs packages into the environment that runs this.

    The packages themselves are named, never an extra of this package: the line works whether or
    not U-Net Studio came from a package index.
    """
    quoted = " ".join(f'"{package}"' for package in packages)
    return " ".join(part for part in (_pip("install"), options, quoted) if part)


def reinstall_command() -> str:
    """Line that installs this package again, from where it was installed."""
    options = "--force-reinstall --no-deps"
    url = _origin()
    if url.startswith("file:"):
        url = url2pathname(urlsplit(url).path)
    return install_command(url or DISTRIBUTION, options=options)


def uninstall_command(*names: str) -> str:
    """Line that removes packages."""
    return " ".join([_pip("uninstall"), *names])


def _pip(action: str) -> str:
    """Call pip so that it is that of this environment, whichever is activated."""
    if importlib.util.find_spec("pip") is None and shutil.which("uv"):
        return f'uv pip {action} --python "{sys.executable}"'  # environments of uv have no pip
    first = shutil.which("pip")
    if first is not None and Path(first).parent == Path(sys.executable).parent:
        return f"pip {action}"
    return f'"{sys.executable}" -m pip {action}'


def _origin() -> str:
    """URL of the folder, file or repository that this package was installed from, if known."""
    try:
        text = importlib.metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return ""
    origin = json.loads(text or "{}")
    url = str(origin.get("url", ""))
    version_control = origin.get("vcs_info", {}).get("vcs")
    return f"{version_control}+{url}" if version_control else url
