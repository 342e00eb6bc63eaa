"""A command as a line to be typed, or the error that there is none."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence


def as_line(words: Sequence[str]) -> str:
    """Return words as a line to be typed, quoted for this system's shell."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def no_command(reason: str, remedy: str) -> UserError:
    """Return the error that no command repeats what was done.

    Parameters
    ----------
    reason
        Why, as a clause.
    remedy
        What to change, as a sentence.
    """
    return UserError(
        "No command would give this result",
        value=reason,
        rule="A command reads its images, labels and U-Net from files.",
        remedy=remedy,
    )
