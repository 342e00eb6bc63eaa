"""Whether the kind of an image is told by a quick look, and how long that takes.

    python benchmarks/suggestion.py [--data ../shared/data]

Images of known kinds: a set counts as one row. Rules were made with a sample of 25 images a set at most;
the sets are small, so that most images were among them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from napari_unet.core.suitability.appearance import appearance_of
from napari_unet.services.files.images import open_image

SETS = {
    "nuclei-dsb2018/images": "fluorescence",
    "more/nuclei-bbbc039/images": "fluorescence",
    "more/nuclei-coelho2009/images": "fluorescence",
    "more/nuclei-deepcell/images": "fluorescence",
    "more/nuclei3d-mouse-embryo/images": "fluorescence",
    "more/cells3d-salivary-gland/images": "fluorescence",
    "nuclei-3d/volume.tif": "fluorescence",
    "two-channel-3d/volume.tif": "fluorescence",
    "timelapse-hela/stack.tif": "fluorescence",
    "timelapse-cho-3d/stack.tif": "fluorescence",
    "cells-3d-ovule/volume.tif": "fluorescence",
    "more/phase-deepcell/images": "phase contrast",
    "more/phase-usiigaci/images": "phase contrast",
    "more/phase-u373-seq01/images": "phase contrast",
    "more/phase-psc-silver/images": "phase contrast",
    "more/bacteria-deepcell/images": "phase contrast",
    "more/scratch-assay/images": "phase contrast",
    "phase-u373/stack.tif": "phase contrast",
    "dic-hela/stack.tif": "phase contrast",
    "more/cytology-dsb2018/images": "bright field",
    "more/histology-dsb2018/images": "stained tissue",
    "more/histology-tnbc/images": "stained tissue",
    "em-isbi2012/volume.tif": "electron microscopy",
    "em-epfl/volume.tif": "electron microscopy",
    "more/em-axon-sem/images": "electron microscopy",
    "more/em-neurons-lsd/images": "electron microscopy",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    right = total = 0
    seconds = []
    for place, kind in SETS.items():
        path = data / place
        found: Counter[str | None] = Counter()
        for each in sorted(path.iterdir()) if path.is_dir() else [path]:
            image = open_image(each)
            began = time.perf_counter()
            found[appearance_of(image).kind] += 1
            seconds.append(time.perf_counter() - began)
        right, total = right + found[kind], total + found.total()
        others = ", ".join(f"{n} {name}" for name, n in found.items() if name != kind)
        print(f"{place:38}{kind:22}{found[kind]:4} of {found.total():3}  {others}")
    seconds.sort()
    print(
        f"{right} of {total} ({right / total:.1%}); {1000 * seconds[len(seconds) // 2]:.0f} ms each,"
    )
    print(f"at most {1000 * seconds[-1]:.0f} ms")


if __name__ == "__main__":
    main()
