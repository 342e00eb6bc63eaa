"""U-Net Studio: segment microscopy stacks with a U-Net, in napari, Python or the command line."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_unet.version import __version__

if TYPE_CHECKING:
    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.annotations.regions import Region
    from napari_unet.core.errors import UserError
    from napari_unet.core.image.axes import Image
    from napari_unet.core.objects.measure import measure
    from napari_unet.core.progress import Progress, finish
    from napari_unet.services.evaluation.evaluate import compare_labels, evaluate
    from napari_unet.services.evaluation.label_pairs import LabelPair
    from napari_unet.services.evaluation.measure import save_table
    from napari_unet.services.evaluation.scores import Evaluation
    from napari_unet.services.files.images import open_image
    from napari_unet.services.files.save import save_labels, save_probabilities
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.cached_outputs import cache_outputs
    from napari_unet.services.segmentation.next_region import next_regions, uncertainty_map
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.relabel import relabel
    from napari_unet.services.segmentation.segment import Segmentation, segment
    from napari_unet.services.training.finetune import finetune
    from napari_unet.services.training.options import FinetuneOptions
    from napari_unet.services.training.result import FinetuneResult


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
    "__version__",
    "cache_outputs",
    "compare_labels",
    "evaluate",
    "finetune",
    "finish",
    "measure",
    "next_regions",
    "open_image",
    "relabel",
    "save_labels",
    "save_probabilities",
    "save_table",
    "segment",
    "uncertainty_map",
]

_HOMES = {
    "core.annotations.annotation": ("Annotation",),
    "core.image.axes": ("Image",),
    "core.errors": ("UserError",),
    "core.objects.measure": ("measure",),
    "core.progress": ("Progress", "finish"),
    "core.annotations.regions": ("Region",),
    "services.evaluation.evaluate": ("compare_labels", "evaluate"),
    "services.evaluation.scores": ("Evaluation",),
    "services.evaluation.measure": ("save_table",),
    "services.training.finetune": ("finetune",),
    "services.training.options": ("FinetuneOptions",),
    "services.training.result": ("FinetuneResult",),
    "services.files.images": ("open_image",),
    "services.segmentation.cached_outputs": ("cache_outputs",),
    "services.evaluation.label_pairs": ("LabelPair",),
    "services.library": ("Library",),
    "services.segmentation.next_region": ("uncertainty_map", "next_regions"),
    "services.segmentation.options": ("SegmentOptions",),
    "services.segmentation.relabel": ("relabel",),
    "services.files.save": ("save_labels", "save_probabilities"),
    "services.segmentation.segment": ("Segmentation", "segment"),
}


def __getattr__(name: str) -> Any:
    # on first use, so that importing the package stays quick and brings in nothing heavy
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"napari_unet.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
