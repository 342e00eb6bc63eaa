"""Take the pictures of the README and of the guide from the real window.

    python tools/screenshots.py [--into FOLDER] [SUBJECT ...]

It wants a display; on Linux, `xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from pictures import batch, correct, finetune, scribbles, segment
from pictures.stage import Stage

SUBJECTS = {
    "segment": segment.pictures,
    "correct": correct.pictures,
    "finetune": finetune.pictures,
    "scribbles": scribbles.pictures,
    "batch": batch.pictures,
}
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    arguments.add_argument("--into", type=Path, default=FOLDER, metavar="FOLDER")
    given = arguments.parse_args()
    folder = given.into.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in given.subjects or SUBJECTS:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            stage = Stage(folder, Path(home))
            SUBJECTS[name](stage)
            stage.close()


if __name__ == "__main__":
    main()
