"""U-Net Studio: segment microscopy stacks with a U-Net, in napari, Python or the command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_unet.version import __version__

if TYPE_CHECKING:
    from napari_unet import jobs
    from napari_unet.api.review import doubt_objects, suspect_annotations
    from napari_unet.api.segmentation import (
        cache_outputs,
        load_model,
        next_regions,
        relabel,
        segment,
        uncertainty_map,
    )
    from napari_unet.api.training import (
        compare_labels,
        compare_models,
        evaluate,
        finetune,
        measure,
        new_network,
        track,
    )
    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.annotations.regions import Region
    from napari_unet.core.augment.options import AugmentOptions
    from napari_unet.core.errors import UserError
    from napari_unet.core.image.axes import Image
    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.model.adapt import NewModel
    from napari_unet.core.model.file import save_model
    from napari_unet.core.model.object_options import ObjectOptions
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import Progress, finish
    from napari_unet.core.tracking.options import TrackingOptions
    from napari_unet.core.tracking.tracks import Tracks
    from napari_unet.core.training.options import TrainingOptions
    from napari_unet.core.unet.config import UNetConfig
    from napari_unet.services.evaluation.doubt import Doubts
    from napari_unet.services.evaluation.label_pairs import LabelPair, read_label_pairs
    from napari_unet.services.evaluation.scores import Evaluation
    from napari_unet.services.files.images import open_image
    from napari_unet.services.files.save import save_labels, save_probabilities
    from napari_unet.services.files.tables import save_table
    from napari_unet.services.library import Library
    from napari_unet.services.segmentation.cached_outputs import CachedOutputs
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.segment import Segmentation
    from napari_unet.services.storage.project import Project, find_file, read_project
    from napari_unet.services.storage.project_files import open_layer
    from napari_unet.services.training.annotation_files import read_annotations, read_regions
    from napari_unet.services.training.options import PRESETS, FinetuneOptions
    from napari_unet.services.training.result import FinetuneResult

__all__ = [
    "PRESETS",
    "Annotation",
    "AugmentOptions",
    "CachedOutputs",
    "Doubts",
    "Evaluation",
    "FinetuneOptions",
    "FinetuneResult",
    "Image",
    "LabelPair",
    "Library",
    "Model",
    "ModelSpec",
    "NewModel",
    "Normalization",
    "ObjectOptions",
    "Progress",
    "Project",
    "Region",
    "SegmentOptions",
    "Segmentation",
    "TrackingOptions",
    "Tracks",
    "TrainingOptions",
    "UNetConfig",
    "UserError",
    "__version__",
    "cache_outputs",
    "compare_labels",
    "compare_models",
    "doubt_objects",
    "evaluate",
    "find_file",
    "finetune",
    "finish",
    "jobs",
    "load_model",
    "measure",
    "new_network",
    "next_regions",
    "open_image",
    "open_layer",
    "read_annotations",
    "read_label_pairs",
    "read_project",
    "read_regions",
    "relabel",
    "save_labels",
    "save_model",
    "save_probabilities",
    "save_table",
    "segment",
    "suspect_annotations",
    "track",
    "uncertainty_map",
]

_MODULES = {
    "api.review": ("doubt_objects", "suspect_annotations"),
    "api.segmentation": (
        "cache_outputs",
        "load_model",
        "next_regions",
        "relabel",
        "segment",
        "uncertainty_map",
    ),
    "api.training": (
        "compare_labels",
        "compare_models",
        "evaluate",
        "finetune",
        "measure",
        "new_network",
        "track",
    ),
    "core.annotations.annotation": ("Annotation",),
    "core.annotations.regions": ("Region",),
    "core.augment.options": ("AugmentOptions",),
    "core.errors": ("UserError",),
    "core.image.axes": ("Image",),
    "core.image.normalization": ("Normalization",),
    "core.model.adapt": ("NewModel",),
    "core.model.file": ("save_model",),
    "core.model.object_options": ("ObjectOptions",),
    "core.model.spec": ("Model", "ModelSpec"),
    "core.progress": ("Progress", "finish"),
    "core.tracking.options": ("TrackingOptions",),
    "core.tracking.tracks": ("Tracks",),
    "core.training.options": ("TrainingOptions",),
    "core.unet.config": ("UNetConfig",),
    "services.evaluation.doubt": ("Doubts",),
    "services.evaluation.label_pairs": ("LabelPair", "read_label_pairs"),
    "services.files.tables": ("save_table",),
    "services.evaluation.scores": ("Evaluation",),
    "services.files.images": ("open_image",),
    "services.files.save": ("save_labels", "save_probabilities"),
    "services.library": ("Library",),
    "services.segmentation.cached_outputs": ("CachedOutputs",),
    "services.segmentation.options": ("SegmentOptions",),
    "services.segmentation.segment": ("Segmentation",),
    "services.storage.project": ("Project", "find_file", "read_project"),
    "services.storage.project_files": ("open_layer",),
    "services.training.annotation_files": ("read_annotations", "read_regions"),
    "services.training.options": ("PRESETS", "FinetuneOptions"),
    "services.training.result": ("FinetuneResult",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    # on first use, so that importing the package stays quick and brings in nothing heavy
    if name == "jobs":
        return import_module("napari_unet.jobs")
    if name in _MODULE_OF:
        return getattr(import_module(f"napari_unet.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
