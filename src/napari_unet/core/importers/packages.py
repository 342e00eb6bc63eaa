"""A bioimage.io model package on disk: a folder, a zip, or the description in it."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from napari_unet.core.errors import UserError
from napari_unet.core.importers.descriptions import DESCRIPTION_BYTES, Description, parse
from napari_unet.core.importers.files import DOWNLOAD_AGAIN, check_zip, find_description

if TYPE_CHECKING:
    from napari_unet.core.importers.descriptions import FileReference

STATE_DICT = "pytorch_state_dict"


class MissingWeightsError(UserError):
    """The weights of a package are elsewhere; `imports.fetch.fetch_weights` can get them.

    Attributes
    ----------
    package
        What was opened.
    url
        Where the weights are.
    target
        The file they are wanted in.
    """

    def __init__(self, package: Path, url: str, target: Path) -> None:
        super().__init__(
            "The package's weights are not in it",
            value=url,
            rule=f"They are looked for beside the description, as {target.name}.",
            remedy=f"Save that address as {target}, or let U-Net Studio fetch it.",
        )
        self.package = package
        self.url = url
        self.target = target


@dataclass(frozen=True)
class Package:
    """A model package.

    Attributes
    ----------
    path
        The description, or the zip that holds it.
    description
        What it says.
    folder
        Folder of the description within the zip, ending in a slash; None for an unpacked package.
    """

    path: Path
    description: Description
    folder: str | None

    @property
    def weights(self) -> FileReference:
        """Where its PyTorch weights are.

        Raises
        ------
        UserError
            When it has none.
        """
        found = self.description.weights.get(STATE_DICT)
        if found is None:
            raise UserError(
                f"{self.path.name} has no PyTorch weights",
                value=", ".join(self.description.weights) or "no weights at all",
                rule=f"Of a package's weights, {STATE_DICT} can be read; the others are programs "
                "or belong to other frameworks.",
                remedy="Look for a version of the model with PyTorch weights, or ask its authors.",
            )
        return found

    def read(self, reference: FileReference) -> bytes:
        """Read a file of the package, at its relative path or beside the description.

        Raises
        ------
        UserError
            When it is missing, leads out of the package, or is not the one described.
        """
        name = file_name(reference.source)
        data = self._from_zip(name) if self.folder is not None else None
        # a zip's weights may lie beside it, where they are saved when they are fetched
        places = [self.path.parent / name, self.path.parent / PurePosixPath(name).name]
        for place in places:
            if data is None and place.is_file():
                data = place.read_bytes()
        if data is None:
            raise self._missing(reference, places[-1])
        if reference.sha256 and hashlib.sha256(data).hexdigest() != reference.sha256.lower():
            raise changed(name)
        return data

    def _from_zip(self, name: str) -> bytes | None:
        with zipfile.ZipFile(self.path) as archive:
            entry = f"{self.folder}{name}"
            return archive.read(entry) if entry in archive.namelist() else None

    def _missing(self, reference: FileReference, place: Path) -> UserError:
        if is_url(reference.source):
            return MissingWeightsError(self.path, reference.source, place)
        return UserError(
            f"{self.path.name} names a file that is not there",
            value=reference.source,
            rule="A package's weights and test arrays lie where its description says.",
            remedy="Get the whole package again, or put the file back.",
        )


def open_package(path: Path) -> Package:
    """Read the description of a package.

    Parameters
    ----------
    path
        A folder, a zip file, or a description.

    Raises
    ------
    UserError
        When there is no description, or none that can be read.
    """
    if path.is_dir():
        path = path / _choose([p.name for p in path.iterdir() if p.is_file()], path)
    if path.suffix.lower() in (".yaml", ".yml"):
        with path.open("rb") as file:
            return Package(path, parse(file.read(DESCRIPTION_BYTES + 1), path.name), None)
    with zipfile.ZipFile(path) as archive:
        check_zip(archive, path.name)
        name = _choose(archive.namelist(), path)
        with archive.open(name) as entry:
            description = parse(entry.read(DESCRIPTION_BYTES + 1), name)
    return Package(path, description, name[: name.rfind("/") + 1])


def _choose(names: list[str], path: Path) -> str:
    found = find_description(sorted(names))
    if not found:
        raise UserError(
            f"{path.name} is no model package",
            value=f"{len(names)} files, none of them a description",
            rule="A bioimage.io package has a bioimageio.yaml or rdf.yaml.",
            remedy="Choose the folder that holds it, or a file with weights.",
        )
    return found[0]


def is_url(source: str) -> bool:
    """Whether a file of a package is named by an address."""
    return urlsplit(source).scheme in ("http", "https")


def file_name(source: str) -> str:
    """Where a file lies beside the description: its relative path, or the last part of its URL.

    Raises
    ------
    UserError
        When it would lie outside of the package.
    """
    name = source
    if is_url(source):
        parts = [part for part in unquote(urlsplit(source).path).split("/") if part]
        # Zenodo's addresses end in files/NAME/content
        if parts[-1:] == ["content"] and parts[-3:-2] == ["files"]:
            parts.pop()
        name = parts[-1] if parts else ""
    local = PurePath(name)
    if not name or local.is_absolute() or local.drive or ".." in local.parts:
        raise UserError(
            "The package names a file outside of itself",
            value=source,
            rule="Its files lie in the folder of the description.",
            remedy="Get the package from its original source.",
        )
    return name


def changed(name: str) -> UserError:
    """Build the error for a file whose SHA-256 is not the one described."""
    return UserError(
        f"{name} is not the file that the package describes",
        value="a different SHA-256",
        rule="A file must be the one the description was written for, to the last byte.",
        remedy=DOWNLOAD_AGAIN,
    )
