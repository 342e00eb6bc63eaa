"""Take the pictures of the README and of the guide from the real window.

    python tools/screenshots.py [--into FOLDER] [SUBJECT ...]
    python tools/screenshots.py --states FOLDER

It wants a display; on Linux, `xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots.py`. With
`--states` it takes every panel in each of its states, at 1280 × 800 and 1920 × 1080 pixels, in both
themes: the display must be larger than that.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from pictures import batch, correct, finetune, scribbles, segment, states
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
    arguments.add_argument("--states", type=Path, metavar="FOLDER", help="every state, into FOLDER")
    given = arguments.parse_args()
    folder = (given.states or given.into).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (
        [states.pictures] if given.states else [SUBJECTS[n] for n in given.subjects or SUBJECTS]
    )
    for take in wanted:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            stage = Stage(folder, Path(home))
            take(stage)
            stage.close()


if __name__ == "__main__":
    main()
