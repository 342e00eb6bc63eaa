"""Writes tensors to a safetensors file without holding up other threads."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from napari_unet.core.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


def write_tensors(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str], path: Path, *, replace: bool = True
) -> None:
    """Write a safetensors file; an existing one is only replaced once the new one is complete.

    Parameters
    ----------
    tensors
        Contiguous tensors in the memory of the processor, by name.
    metadata
        Texts for the header.
    path
        The file.
    replace
        Whether a file that exists by then may be replaced.

    Raises
    ------
    UserError
        When the file can't be written.
    """
    from safetensors.torch import save_file

    with atomic_path(path, replace=replace) as temporary:
        mode = temporary.stat().st_mode
        try:
            # safetensors.torch.save makes the bytes of the whole file with Python's lock held: the
            # window would stand still for a tenth of a second for 100 MB
            save_file(dict(tensors), temporary, dict(metadata))
        except SafetensorError as error:
            raise _as_system_error(error) from error
        # save_file makes files that only their owner can read
        temporary.chmod(mode)


def _as_system_error(error: SafetensorError) -> Exception:
    """Return the error of the operating system that the library tells in words."""
    found = _SYSTEM_ERROR.search(str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else error
