"""Zarr containers: folders, ZIP files, and what fsspec reads from elsewhere."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

SUFFIXES = (".zarr", ".zarr.zip", ".ozx")
"""Names of containers end so."""

_CONTAINER = re.compile(r"(?i)^(.*?\.(?:zarr\.zip|ozx|zarr))(?:/(.*))?$")
_REMOTE = re.compile(r"^(https?|s3|gs|gcs|abfs|az|ftp|sftp|file|memory):/+")
ROOT_FILES = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


@dataclass(frozen=True)
class Place:
    """A place in a container.

    Attributes
    ----------
    container
        Path or address of the container.
    inside
        Path in it, without slashes at the ends; empty: its root.
    """

    container: str
    inside: str = ""

    @classmethod
    def of(cls, path: str | Path) -> Place:
        """Split a path, or an address that was taken for one, at the end of the container's name."""
        text = address(path)
        match = _CONTAINER.match(text)
        if match is None:
            return cls(text.rstrip("/"))
        return cls(match[1], (match[2] or "").strip("/"))

    @property
    def remote(self) -> bool:
        """Whether it is not in the file system."""
        return bool(_REMOTE.match(self.container))

    @property
    def zipped(self) -> bool:
        """Whether the container is a ZIP file."""
        return self.container.lower().endswith((".zip", ".ozx"))

    @property
    def name(self) -> str:
        """Name for titles and results: that of the container, with the place in it."""
        stem = re.sub(r"(?i)(\.ome)?\.(zarr\.zip|ozx|zarr)$", "", self.container.rpartition("/")[2])
        return "_".join([stem or "image", *filter(None, self.inside.split("/"))])

    def __str__(self) -> str:
        return f"{self.container}/{self.inside}".rstrip("/")


def address(path: str | Path) -> str:
    """Return a path with slashes, or the address that `Path` has taken a slash from."""
    text = path if isinstance(path, str) else path.as_posix()
    return _REMOTE.sub(r"\1://", text)


def is_zarr(path: str | Path) -> bool:
    """Whether a path names a Zarr container or something in one."""
    text = address(path)
    if _CONTAINER.match(text):
        return True
    folder = Path(path)
    return folder.is_dir() and any((folder / name).is_file() for name in ROOT_FILES)


def open_node(place: Place) -> Any:
    """Open a group or array for reading.

    Raises
    ------
    UserError
        When there is none, or it can't be read.
    """
    import zarr

    with explained(place):
        root = zarr.open(_store(place), path=_folder_of(place), mode="r")
        return root[place.inside] if place.inside else root


def explained(place: Place) -> AbstractContextManager[None]:
    """Turn whatever zarr, a file system or the net raise into a `UserError`."""
    from contextlib import contextmanager

    @contextmanager
    def guard() -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except (KeyError, FileNotFoundError) as error:
            raise UserError(
                f"There is no image at {place}",
                value=str(error).strip("'\"")[:200] or "nothing found",
                rule="It must be a Zarr container, or a group in one.",
                remedy="Check the spelling and the folder you are in.",
            ) from error
        except ImportError as error:
            raise UserError(
                f"{place.container} can't be reached",
                value=str(error)[:200],
                rule="What is not in the file system is read with fsspec and its plug-ins.",
                remedy="Install them: pip install fsspec aiohttp s3fs. Or copy the container.",
            ) from error
        except Exception as error:
            # stores, codecs and the net raise anything
            raise UserError(
                f"{place} can't be read",
                value=re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")[:300],
                rule="It must be a complete Zarr container, and be within reach all the time.",
                remedy="Try again; copy it to this computer if the connection breaks off.",
            ) from error

    return guard()


def _store(place: Place) -> Any:
    import zarr

    if place.remote:
        return zarr.storage.FsspecStore.from_url(place.container, read_only=True)
    if place.zipped:
        if not Path(place.container).is_file():
            raise FileNotFoundError(place.container)
        return zarr.storage.ZipStore(place.container, mode="r")
    if not Path(place.container).is_dir():
        raise FileNotFoundError(place.container)
    return zarr.storage.LocalStore(place.container, read_only=True)


def _folder_of(place: Place) -> str:
    """Return the folder that a ZIP file holds, if it holds one rather than what is in it."""
    if not place.zipped or place.remote:
        return ""
    with zipfile.ZipFile(place.container) as archive:
        names = archive.namelist()
    folders = {name.partition("/")[0] for name in names} - {"__MACOSX"}
    return folders.pop() if len(folders) == 1 and not set(ROOT_FILES) & set(names) else ""
