"""Fetching the weights that a model package names by an address; only ever when asked to."""

from __future__ import annotations

import hashlib
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from napari_unet.core.atomic import atomic_path
from napari_unet.core.errors import UserError
from napari_unet.core.importers.packages import changed, file_name, is_url, open_package
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from http.client import HTTPResponse

MAX_BYTES = 4 << 30
BLOCK = 1 << 20
TIMEOUT = 30.0


def fetch_weights(path: Path) -> Job[Path]:
    """Fetch the weights that a package names by an address, and put them beside its description.

    Parameters
    ----------
    path
        The package: folder, zip or description.

    Yields
    ------
    Progress
        After each block, in bytes.

    Returns
    -------
    Path
        The file, which has the SHA-256 that the description tells.

    Raises
    ------
    UserError
        When it can't be fetched, or is another file than described. Nothing is left behind.
    """
    package = open_package(path)
    reference = package.weights
    target = package.path.parent / PurePosixPath(file_name(reference.source)).name
    if not is_url(reference.source) or not reference.sha256:
        raise UserError(
            "These weights can't be fetched",
            value=reference.source,
            rule="The description must tell their address and their SHA-256.",
            remedy=f"Get them by other means and save them as {target}.",
        )
    digest = hashlib.sha256()
    with _connect(reference.source) as response, atomic_path(target) as part:
        total = int(response.headers.get("Content-Length") or 0)
        done = 0
        with part.open("wb") as file:
            while block := _block(response, reference.source):
                done += len(block)
                if done > MAX_BYTES:
                    raise _unreachable(reference.source, f"more than {MAX_BYTES:,} bytes")
                digest.update(block)
                file.write(block)
                yield Progress(done, max(done, total), f"Fetching {target.name}")
        if digest.hexdigest() != reference.sha256.lower():
            raise changed(target.name)
    return target


def _connect(url: str) -> HTTPResponse:
    try:
        request = Request(url, headers={"User-Agent": "napari-unet-studio"})
        response: HTTPResponse = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        # it holds the connection that gave it
        error.close()
        raise _unreachable(url, error) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, error) from error
    return response


def _block(response: HTTPResponse, url: str) -> bytes:
    # here and not around the loop: a full disk is no fault of the network's
    try:
        return response.read(BLOCK)
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, met: object) -> UserError:
    return UserError(
        "The weights could not be fetched",
        value=f"{met} from {url}",
        rule="The address must be reachable and give the file.",
        remedy="Check the network and try again, or save the file by hand beside the description.",
    )
