"""A worker process: reads tasks from standard input, a JSON object a line, and answers each by a line.

``python -m napari_unet.services.blocks.worker``
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.core.progress import finish
from napari_unet.services.blocks.tasks import run_task
from napari_unet.services.blocks.workspace import JOB, Workspace
from napari_unet.version import __version__

if TYPE_CHECKING:
    from typing import TextIO


def main() -> None:
    """Work until there is no more input."""
    # what libraries print must not be taken for answers
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        _answer(answers, run_one(asked["folder"], asked["stage"], asked["index"]))


def run_one(folder: str, stage: str, index: int) -> str:
    """Run a task and return why it failed; empty if it did not.

    Parameters
    ----------
    folder
        Of the run.
    stage, index
        The task.
    """
    try:
        work = workspace(folder, (Path(folder) / JOB).stat().st_mtime)
        if work.job.version != __version__:
            return f"the run was begun with U-Net Studio {work.job.version}, here is {__version__}"
        finish(run_task(work, stage, index))
    except Exception as error:  # noqa: BLE001 - whatever it was, the others go on
        return f"{type(error).__name__}: {error}"
    return ""


@lru_cache(maxsize=1)
def workspace(folder: str, _changed: float) -> Workspace:
    """Return the folder of a run, opened once for all its tasks."""
    return Workspace(Path(folder))


def _answer(answers: TextIO, error: str) -> None:
    answers.write(json.dumps({"error": error} if error else {}) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
