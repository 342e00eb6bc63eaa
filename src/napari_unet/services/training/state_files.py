"""Where the states of interrupted trainings are kept, and for how long."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from typing import TYPE_CHECKING, Any

from napari_unet.core.atomic import UNFINISHED_PATTERN
from napari_unet.core.training.state import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEPT_DAYS = 30


class TrainingFiles:
    """A folder of training states.

    Parameters
    ----------
    folder
        Created when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, model: str, image: str, known: Sequence[Any]) -> Path:
        """Return the file for the training of a model on an image.

        Parameters
        ----------
        model, image
            Names for people; they need not be unique.
        known
            What identifies model and images, as JSON values that are the same after a restart.
        """
        name = re.sub(r"[^\w.+-]+", "-", f"{model} on {image}").strip("-.")
        digest = hashlib.sha256(json.dumps([model, image, *known]).encode()).hexdigest()
        return self.folder / f"{name[:150]} {digest[:8]}{SUFFIX}"

    def forget_old(self, days: float = KEPT_DAYS) -> None:
        """Delete states, complete or half written, that were not used for so many days."""
        oldest = time.time() - days * 24 * 3600
        files = [*self.folder.glob(f"*{SUFFIX}"), *self.folder.glob(UNFINISHED_PATTERN)]
        for path in files:
            # another window may be deleting it too
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
