"""Several files in one ZIP."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from napari_unet.core.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_archive(files: Mapping[str, bytes | str], path: Path, *, overwrite: bool) -> None:
    """Write files by their names into a ZIP that appears once it is complete.

    Raises
    ------
    UserError
        When it can't be written.
    """
    with (
        atomic_path(path, replace=overwrite) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, data in files.items():
            archive.writestr(name, data)
