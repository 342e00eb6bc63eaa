"""Where the states of interrupted trainings lie, and when they go."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from napari_unet.core.training_state import SUFFIX

if TYPE_CHECKING:
    from pathlib import Path

KEPT_DAYS = 30


class TrainingFiles:
    """A folder of training states.

    Parameters
    ----------
    folder
        Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, model: str, image: str) -> Path:
        """Return the file for the training of a model on an image; the same for the same names."""
        name = re.sub(r"[^\w.+-]+", "-", f"{model} on {image}").strip("-.")
        return self.folder / f"{name[:150]}{SUFFIX}"

    def forget_old(self, days: float = KEPT_DAYS) -> None:
        """Delete states that nobody has come back to for so many days."""
        oldest = time.time() - days * 24 * 3600
        for path in self.folder.glob(f"*{SUFFIX}") if self.folder.is_dir() else ():
            # another window may be deleting it too
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
