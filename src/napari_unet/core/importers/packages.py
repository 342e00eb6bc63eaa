"""bioimage.io model packages on disk: a folder, a zip file, or the description in it."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from napari_unet.core.errors import UserError
from napari_unet.core.importers.descriptions import MAX_DESCRIPTION_BYTES, Description, parse
from napari_unet.core.importers.files import (
    DOWNLOAD_AGAIN,
    Kind,
    check_zip,
    find_description,
    refuse,
)

if TYPE_CHECKING:
    from napari_unet.core.importers.descriptions import FileReference

STATE_DICT, ONNX = "pytorch_state_dict", "onnx"
"""Names of PyTorch weights, and of an ONNX file, in a description."""


class MissingWeightsError(UserError):
    """The weights of a package are stored elsewhere; `fetch_weights` can get them.

    Parameters
    ----------
    package
        The package: its description or zip file.
    url
        Address of the weights.
    target
        The file to save them as.

    Attributes
    ----------
    package, url, target
        As given.
    """

    def __init__(self, package: Path, url: str, target: Path) -> None:
        super().__init__(
            "The weights of this package have to be downloaded",
            value=url,
            rule=f"They are expected beside the description, as {target.name}.",
            remedy=f"Save that address as {target}, or let U-Net Studio download it.",
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
        The description, or the zip file that contains it.
    description
        Its contents.
    folder
        Folder of the description within the zip, ending in a slash; None if the package is unpacked.
    """

    path: Path
    description: Description
    folder: str | None

    @property
    def weights(self) -> FileReference:
        """The file with its PyTorch weights.

        Raises
        ------
        UserError
            When it has none.
        """
        weights = self.description.weights.get(STATE_DICT)
        if weights is None:
            raise UserError(
                f"{self.path.name} has no weights that can be read",
                value=", ".join(self.description.weights) or "no weights at all",
                rule=f"Weights are read in the formats {STATE_DICT} and {ONNX}; the others are programs "
                "or belong to other frameworks.",
                remedy="Look for a version of the model with one of them, or ask its authors.",
            )
        return weights

    def read_weights(self) -> tuple[str, bytes]:
        """Read the weights: those of PyTorch, or an ONNX file where there are none at hand.

        Returns
        -------
        format
            `STATE_DICT` or `ONNX`.
        data
            The file.

        Raises
        ------
        UserError
            When there are none, or as `read`.
        """
        onnx = self.description.weights.get(ONNX)
        if onnx is not None and STATE_DICT not in self.description.weights:
            return ONNX, self.read(onnx)
        try:
            return STATE_DICT, self.read(self.weights)
        except MissingWeightsError as missing:
            if onnx is None or is_url(onnx.source):
                raise
            try:
                return ONNX, self.read(onnx)
            except UserError:
                raise missing from None

    def read(self, reference: FileReference) -> bytes:
        """Read a file of the package, at its path or beside the description.

        Parameters
        ----------
        reference
            The file, as in the description.

        Raises
        ------
        UserError
            When it is missing, lies outside the package, or does not have the SHA-256 described.
        """
        name = file_name(reference.source)
        data = self._from_zip(name) if self.folder is not None else None
        # the weights of a zip may lie beside it, where they are saved after a download
        places = [self.path.parent / name, self.path.parent / PurePosixPath(name).name]
        for place in places:
            if data is None and place.is_file():
                data = place.read_bytes()
        if data is None:
            raise self._missing(reference, places[-1])
        if reference.sha256 and hashlib.sha256(data).hexdigest() != reference.sha256.lower():
            raise wrong_hash(name)
        return data

    def _from_zip(self, name: str) -> bytes | None:
        with zipfile.ZipFile(self.path) as archive:
            entry = f"{self.folder}{name}"
            return archive.read(entry) if entry in archive.namelist() else None

    def _missing(self, reference: FileReference, place: Path) -> UserError:
        if is_url(reference.source):
            return MissingWeightsError(self.path, reference.source, place)
        return UserError(
            f"A file of {self.path.name} is missing",
            value=reference.source,
            rule="The weights and test arrays of a package must lie where its description says.",
            remedy="Get the whole package again, or put the file back.",
        )


def open_package(path: Path) -> Package:
    """Read the description of a package.

    Parameters
    ----------
    path
        Its folder, zip file or description.

    Raises
    ------
    UserError
        When there is no description, or it can't be read.
    """
    if path.is_dir():
        path = path / _find_description([p.name for p in path.iterdir() if p.is_file()], path)
    if path.suffix.lower() in (".yaml", ".yml"):
        with path.open("rb") as file:
            return Package(path, parse(file.read(MAX_DESCRIPTION_BYTES + 1), path.name), None)
    with zipfile.ZipFile(path) as archive:
        check_zip(archive, path.name)
        name = _find_description(archive.namelist(), path)
        with archive.open(name) as entry:
            description = parse(entry.read(MAX_DESCRIPTION_BYTES + 1), name)
    return Package(path, description, name[: name.rfind("/") + 1])


def _find_description(names: list[str], path: Path) -> str:
    descriptions = find_description(sorted(names))
    if not descriptions and "saved_model.pb" in names:
        raise refuse(Kind.TENSORFLOW, path.name)
    if not descriptions:
        raise UserError(
            f"{path.name} is not a model package",
            value=f"{len(names)} files, none of them a description",
            rule="A bioimage.io package has a bioimageio.yaml or rdf.yaml.",
            remedy="Choose the folder of a package, a model folder of nnU-Net, or a file with weights.",
        )
    return descriptions[0]


def is_url(source: str) -> bool:
    """Whether the source of a file is a web address."""
    return urlsplit(source).scheme in ("http", "https")


def file_name(source: str) -> str:
    """Return the path of a file relative to the description.

    Parameters
    ----------
    source
        The source in the description: a relative path, or a URL, of which the last part is the name.

    Raises
    ------
    UserError
        When it would lie outside the package.
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
            "The package refers to a file outside itself",
            value=source,
            rule="All its files must lie in the folder of the description.",
            remedy="Get the package from its original source.",
        )
    return name


def wrong_hash(name: str) -> UserError:
    """Return the error for a file whose SHA-256 is not the one described."""
    return UserError(
        f"{name} is not the file that the package describes",
        value="its SHA-256 differs",
        rule="A file must be the same as the one described, to the last byte.",
        remedy=DOWNLOAD_AGAIN,
    )
