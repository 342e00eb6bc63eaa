"""The time that a folder's files are judged by: a clock that ran ahead must not make them old."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

USUAL_GAP_S = 7 * 24 * 3600
"""So much may pass between two uses; after more, the clock may have been set wrongly."""
STEP_S = 3600
"""How far the believed time goes on after a longer gap."""


def believed_time(folder: Path) -> float:
    """Return the time, in seconds since 1970, by which the files of a folder are judged.

    It is that of the clock, unless that has leapt ahead since the last call: then it goes on from where
    it was, and keeps the distance. Files get old later, never earlier.

    Parameters
    ----------
    folder
        The folder. What is known of the clock lies beside it.
    """
    path = folder.with_name(f"{folder.name}.clock")
    now = time.time()
    try:
        known = json.loads(path.read_text())
        seen, believed = float(known["clock"]), float(known["believed"])
    except (OSError, ValueError, KeyError, TypeError):
        believed = now
    else:
        passed = now - seen
        believed = min(now, believed + (passed if 0 <= passed <= USUAL_GAP_S else STEP_S))
    # a folder that can't be written to loses nothing either
    with contextlib.suppress(OSError):
        path.write_text(json.dumps({"clock": now, "believed": believed}))
    return believed
