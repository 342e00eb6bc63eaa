"""U-Net Studio: segment microscopy stacks with a U-Net, in napari, Python or the command line."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.core.annotations import Annotation
    from napari_unet.core.axes import Image
    from napari_unet.core.errors import UserError
    from napari_unet.core.features import measure
    from napari_unet.core.progress import Progress, finish
    from napari_unet.core.regions import Region
    from napari_unet.services.evaluate import compare_labels, evaluate
    from napari_unet.services.evaluation import Evaluation
    from napari_unet.services.features import save_table
    from napari_unet.services.finetune import finetune
    from napari_unet.services.finetune_options import FinetuneOptions
    from napari_unet.services.finetune_result import FinetuneResult
    from napari_unet.services.images import open_image
    from napari_unet.services.kept_maps import keep_maps
    from napari_unet.services.label_pairs import LabelPair
    from napari_unet.services.library import Library
    from napari_unet.services.next_region import doubts_of, next_places
    from napari_unet.services.options import SegmentOptions
    from napari_unet.services.relabel import relabel
    from napari_unet.services.save import save_labels, save_probabilities
    from napari_unet.services.segment import Segmentation, segment

__version__ = "0.1.0"

# Before torch's threads are there: by default they wait for each other by spinning. Where another
# program, or the viewer's own window, wants a core, the spinning uses up their turns, and training takes
# ten times as long. Whoever has set it otherwise is respected.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__all__ = [
    "Annotation",
    "Evaluation",
    "FinetuneOptions",
    "FinetuneResult",
    "Image",
    "LabelPair",
    "Library",
    "Progress",
    "Region",
    "SegmentOptions",
    "Segmentation",
    "UserError",
    "compare_labels",
    "doubts_of",
    "evaluate",
    "finetune",
    "finish",
    "keep_maps",
    "measure",
    "next_places",
    "open_image",
    "relabel",
    "save_labels",
    "save_probabilities",
    "save_table",
    "segment",
]

_HOMES = {
    "core.annotations": ("Annotation",),
    "core.axes": ("Image",),
    "core.errors": ("UserError",),
    "core.features": ("measure",),
    "core.progress": ("Progress", "finish"),
    "core.regions": ("Region",),
    "services.evaluate": ("compare_labels", "evaluate"),
    "services.evaluation": ("Evaluation",),
    "services.features": ("save_table",),
    "services.finetune": ("finetune",),
    "services.finetune_options": ("FinetuneOptions",),
    "services.finetune_result": ("FinetuneResult",),
    "services.images": ("open_image",),
    "services.kept_maps": ("keep_maps",),
    "services.label_pairs": ("LabelPair",),
    "services.library": ("Library",),
    "services.next_region": ("doubts_of", "next_places"),
    "services.options": ("SegmentOptions",),
    "services.relabel": ("relabel",),
    "services.save": ("save_labels", "save_probabilities"),
    "services.segment": ("Segmentation", "segment"),
}


def __getattr__(name: str) -> Any:
    # on first use, so that importing the package stays quick and brings in nothing heavy
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"napari_unet.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
