"""Sample images that come with the package, one for each kind that a bundled network is for."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

SAMPLES = (
    "nuclei_stack",
    "stained_tissue",
    "phase_cells",
    "em_neurites",
    "em_axons",
    "nuclei_volume",
)
"""Names of the samples."""


def sample_path(name: str = SAMPLES[0]) -> Path:
    """Return the path of a sample: a TIFF file, with its source, licence and citation beside it."""
    return Path(str(files("napari_unet") / "data" / "samples" / f"{name}.tif"))
