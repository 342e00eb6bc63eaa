"""Write object_scores.json of the tests: scores of real labels by StarDist and py-ctcmetrics.

In an environment of their own:

    pip install stardist py-ctcmetrics tifffile imagecodecs scipy
    python tools/object_oracle.py ../shared/data
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from ctc_metrics.metrics import seg
from ctc_metrics.utils.representations import match
from stardist.matching import matching_dataset

TESTS = Path(__file__).resolve().parents[1] / "tests" / "core" / "evaluation"
sys.path.insert(0, str(TESTS))
from perturbed import perturbed  # noqa: E402

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
POOLED = ("tp", "fp", "fn", "mean_matched_score")
BOTH = ("accuracy", "precision", "recall", "f1", "mean_true_score")


def truths(data: Path) -> dict[str, list[Path]]:
    return {
        "nuclei-dsb2018": sorted((data / "nuclei-dsb2018" / "masks").glob("*.tif"))[::10],
        "phase-u373": sorted((data / "phase-u373" / "objects").glob("*.tif")),
        "nuclei-3d": [data / "nuclei-3d" / "objects.tif"],
    }


def ctc_seg(truth: list[np.ndarray], found: list[np.ndarray], folder: Path) -> float:
    """SEG as py-ctcmetrics computes it from files."""
    labels, ious = [], []
    for i, (t, f) in enumerate(zip(truth, found, strict=True)):
        paths = [folder / f"{name}{i}.tif" for name in "tf"]
        for path, pixels in zip(paths, (t, f), strict=True):
            tifffile.imwrite(path, pixels.astype(np.int32))
        reference, _, _, _, iou = match(*map(str, paths))
        labels.append(reference)
        ious.append(iou)
    return seg(labels, ious)


def expected(paths: list[Path], data: Path, scratch: Path) -> dict[str, object]:
    truth = [tifffile.imread(path) for path in paths]
    found = [perturbed(pixels, seed) for seed, pixels in enumerate(truth)]

    def figures(by_image: bool, names: tuple[str, ...]) -> dict[str, list[float]]:
        scores = matching_dataset(truth, found, THRESHOLDS, by_image=by_image, show_progress=False)
        return {name: [float(getattr(score, name)) for score in scores] for name in names}

    return {
        "images": [path.relative_to(data).as_posix() for path in paths],
        "pooled": figures(False, (*POOLED, *BOTH)),
        "by_image": figures(True, BOTH),
        "seg": ctc_seg(truth, found, scratch),
    }


def main() -> None:
    data = Path(sys.argv[1])
    versions = {name: version(name) for name in ("stardist", "py-ctcmetrics")}
    with TemporaryDirectory() as scratch:
        sets = {name: expected(paths, data, Path(scratch)) for name, paths in truths(data).items()}
    text = json.dumps({"made by": versions, "thresholds": THRESHOLDS, "sets": sets}, indent=1)
    (TESTS / "object_scores.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
