"""Where the repository and the real images beside it are."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"
RESEARCH = REPOSITORY / "packaging/napari-unet-models-research/src/napari_unet_models_research"
"""Folder of the networks that are passed on apart from the package."""
