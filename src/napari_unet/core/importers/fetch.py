"""Downloading the weights of a model package; only ever on request."""

from __future__ import annotations

import hashlib
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.importers.packages import file_name, is_url, open_package, wrong_hash
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from http.client import HTTPResponse

MAX_BYTES = 4 << 30
"""Largest file that is downloaded."""

CHUNK_BYTES = 1 << 20
"""Bytes that are read at a time."""

TIMEOUT = 30.0
"""Seconds to wait for an answer."""


def fetch_weights(path: Path) -> Job[Path]:
    """Download the weights of a package and save them beside its description.

    Parameters
    ----------
    path
        The package: its folder, zip file or description.

    Yields
    ------
    Progress
        After each chunk, in bytes.

    Returns
    -------
    Path
        The file; its SHA-256 is the one in the description.

    Raises
    ------
    UserError
        When they can't be downloaded, or are not the file described. No file is left behind.
    """
    package = open_package(path)
    reference = package.weights
    target = package.path.parent / PurePosixPath(file_name(reference.source)).name
    if not is_url(reference.source) or not reference.sha256:
        raise UserError(
            "These weights can't be downloaded",
            value=reference.source,
            rule="The description must state their address and their SHA-256.",
            remedy=f"Get them by other means and save them as {target}.",
        )
    digest = hashlib.sha256()
    with _connect(reference.source) as response, atomic_path(target) as part:
        total = int(response.headers.get("Content-Length") or 0)
        done = 0
        with part.open("wb") as file:
            while chunk := _read_chunk(response, reference.source):
                done += len(chunk)
                if done > MAX_BYTES:
                    raise _unreachable(reference.source, f"more than {MAX_BYTES:,} bytes")
                digest.update(chunk)
                file.write(chunk)
                yield Progress(done, max(done, total), f"Downloading {target.name}")
        if digest.hexdigest() != reference.sha256.lower():
            raise wrong_hash(target.name)
    return target


def _connect(url: str) -> HTTPResponse:
    try:
        request = Request(url, headers={"User-Agent": "napari-unet-studio"})
        response: HTTPResponse = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        # it holds the connection open
        error.close()
        raise _unreachable(url, error) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, error) from error
    return response


def _read_chunk(response: HTTPResponse, url: str) -> bytes:
    # not around the loop: a full disk is not an error of the network
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, cause: object) -> UserError:
    return UserError(
        "The weights could not be downloaded",
        value=f"{cause} from {url}",
        rule="The address must be reachable and lead to the file.",
        remedy="Check your connection and try again, or save the file yourself beside the description.",
    )
