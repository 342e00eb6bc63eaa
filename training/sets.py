"""The labelled images that networks are trained and judged with, in one table.

A set is divided by the experiment that an image comes from, so that nothing near an image that is set
aside is learnt from: what counts as a source stands beside each set. The objects of each image that is
learnt from are brought to one diameter; images that are set aside are read as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nuclei_2d
import numpy as np
import unknown
from labelled_set import LabelledSet, at_diameter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation

LATER = 40
"""The first frame of phase-u373 that is set aside: cells that are learnt look alike for some frames."""


def learnt(
    data: Path, names: tuple[str, ...], diameter: float | None = None, *, grey: bool = False
) -> list[Annotation]:
    """Return the images of some sets to learn from, their objects at one diameter.

    Parameters
    ----------
    data
        Folder of the data.
    names
        The sets.
    diameter
        Diameter in pixels; None: as they are.
    grey
        Whether colours are combined to their luminance.
    """
    found = []
    for each in names:
        for _, name in SETS[each].divided(data)["learnt"]:
            annotation = SETS[each].annotation(data, name, grey=grey)
            found.append(at_diameter(annotation, diameter))
    return found


def set_aside(data: Path, name: str) -> Iterator[tuple[str, Annotation]]:
    """Yield the images of a set that are set aside, as they are, each with its source."""
    for source, each in SETS[name].divided(data)["aside"]:
        yield source, SETS[name].annotation(data, each)


def _former_test(folder: Path) -> frozenset[str]:
    """Return the images of nuclei-dsb2018 that were set aside before there were other sets."""
    return frozenset(name.removesuffix(".tif") for name in nuclei_2d.split(folder)[1])


def _stain(_: str, pixels: NDArray[Any]) -> str:
    """Tell the three slides of stained tissue in DSB2018 apart by the colour of what is not nuclei."""
    red, green, blue = np.percentile(pixels.reshape(-1, 3), 60, axis=0)
    if green > 0.85 * blue:
        return "purple on white"
    return "pink-purple" if red > 0.95 * blue else "purple"


def _nothing(_: str) -> bool:
    return False


def _everything(_: str) -> bool:
    return True


def _one(_: str, __: NDArray[Any]) -> str:
    return "one experiment"


DSB = "10.1038/s41592-019-0612-7"
DEEPCELL = "Van Valen et al. 2016, PLoS Computational Biology, 10.1371/journal.pcbi.1005177"
U373 = (
    "Dr. S. Kumar, University of California at Berkeley (data); "
    "Maška et al. 2023, Nature Methods, 10.1038/s41592-023-01879-y"
)
NO_LICENCE = "no licence stated: for research, with citation"

SETS = {
    "nuclei-dsb2018": LabelledSet(
        "nuclei-dsb2018",
        "fluorescence",
        "YX",
        18,
        "A",
        "CC0-1.0",
        f"Caicedo et al. 2019, Nature Methods, {DSB}",
        "nuclei by hand",
        # those of one microscope and experiment have one size; so have others, by chance
        lambda _, pixels: f"{pixels.shape[0]} x {pixels.shape[1]}",
        _nothing,
        labels="masks",
        aside_names=_former_test,
    ),
    "histology-dsb2018": LabelledSet(
        "more/histology-dsb2018",
        "stained tissue",
        "YXS",
        25,
        "A",
        "CC0-1.0",
        f"Caicedo et al. 2019, Nature Methods, {DSB}",
        "nuclei by hand; those out of focus are not labelled",
        _stain,
        lambda stain: stain == "pink-purple",
        unknown=unknown.dark_and_unlabelled,
    ),
    "histology-tnbc": LabelledSet(
        "more/histology-tnbc",
        "stained tissue",
        "YXS",
        20,
        "A",
        "CC-BY-4.0",
        "Naylor et al. 2019, IEEE Transactions on Medical Imaging, 10.1109/TMI.2018.2865709",
        "nuclei by hand; touching ones may share a number",
        lambda name, _: f"patient {name[:2]}",
        lambda patient: patient in ("patient 03", "patient 07"),
        unknown=unknown.several_in_one,
    ),
    "cytology-dsb2018": LabelledSet(
        "more/cytology-dsb2018",
        "bright field",
        "YX",
        17,
        "A",
        "CC0-1.0",
        f"Caicedo et al. 2019, Nature Methods, {DSB}",
        "nuclei by hand",
        _one,
        _nothing,
    ),
    "nuclei-bbbc039": LabelledSet(
        "more/nuclei-bbbc039",
        "fluorescence",
        "YX",
        28,
        "A",
        "CC0-1.0",
        "Caicedo et al. 2019, Cytometry A, 10.1002/cyto.a.23863",
        "nuclei by hand",
        lambda name, _: f"well {name[:3]}",
        _everything,
    ),
    "nuclei-coelho2009": LabelledSet(
        "more/nuclei-coelho2009",
        "fluorescence",
        "YX",
        86,
        "B",
        NO_LICENCE,
        "Coelho et al. 2009, ISBI, 10.1109/ISBI.2009.5193098",
        "nuclei by hand",
        _one,
        _everything,
    ),
    "nuclei-deepcell": LabelledSet(
        "more/nuclei-deepcell",
        "fluorescence",
        "YX",
        28,
        "B",
        NO_LICENCE,
        DEEPCELL,
        "nuclei by hand",
        lambda name, _: name,
        _everything,
    ),
    "phase-usiigaci": LabelledSet(
        "more/phase-usiigaci",
        "phase contrast",
        "YX",
        60,
        "A",
        "MIT",
        "Tsai et al. 2019, SoftwareX, 10.1016/j.softx.2019.02.007",
        "cells by hand; a few faint ones are missing",
        lambda name, _: name,
        lambda field: field in ("set27", "set29", "set41", "set42", "set43", "set45"),
    ),
    "phase-deepcell": LabelledSet(
        "more/phase-deepcell",
        "phase contrast",
        "YX",
        58,
        "B",
        NO_LICENCE,
        DEEPCELL,
        "cells by hand; incomplete near the dark rim",
        lambda name, _: name,
        lambda field: field.startswith("RAW") or field in ("HeLa_joint-set5", "3T3-set3"),
        unknown=unknown.rim_and_busy,
    ),
    "phase-u373": LabelledSet(
        "phase-u373",
        "phase contrast",
        "YX",
        62,
        "B",
        "terms of the Cell Tracking Challenge",
        U373,
        "cells by hand in the field of interest, 50 pixels from the edge",
        lambda name, _: "later frames" if int(name[1:]) >= LATER else "earlier frames",
        lambda frames: frames == "later frames",
        unknown=unknown.beyond_the_field,
    ),
    "phase-u373-seq01": LabelledSet(
        "more/phase-u373-seq01",
        "phase contrast",
        "YX",
        67,
        "B",
        "terms of the Cell Tracking Challenge",
        U373,
        "cells by hand in the field of interest, 50 pixels from the edge",
        _one,
        _nothing,
        unknown=unknown.beyond_the_field,
    ),
    "phase-psc-silver": LabelledSet(
        "more/phase-psc-silver",
        "phase contrast",
        "YX",
        9,
        "B",
        "terms of the Cell Tracking Challenge",
        "Rapoport et al. 2011, PLoS ONE, 10.1371/journal.pone.0027315",
        "cells by a vote of programs, to 1 to 2 pixels",
        _one,
        _nothing,
    ),
    "bacteria-deepcell": LabelledSet(
        "more/bacteria-deepcell",
        "phase contrast",
        "YX",
        25,
        "B",
        NO_LICENCE,
        DEEPCELL,
        "cells by hand",
        lambda name, _: name.partition("-")[0],
        lambda experiment: experiment == "ecoli",
    ),
    "em-axon-sem": LabelledSet(
        "more/em-axon-sem",
        "electron microscopy",
        "YX",
        None,
        "A",
        "MIT",
        "Zaimi et al. 2018, Scientific Reports, 10.1038/s41598-018-22181-4",
        "classes by hand: 0 rest, 1 myelin, 2 axon",
        lambda name, _: name.partition("-")[0],
        lambda rat: rat in ("rat4", "rat6"),
        labels="classes",
    ),
}
"""The sets of planes; volumes and the slices of ISBI 2012 are read by the scripts that learn them."""
