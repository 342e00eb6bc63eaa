"""Where the networks for research are, which are passed on apart from the package."""

from __future__ import annotations

from pathlib import Path

RESEARCH = (
    Path(__file__).resolve().parents[2]
    / "packaging/napari-unet-models-research/src/napari_unet_models_research"
)
