"""The settings of a segmentation in *Segment* and *Batch*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.gui.widgets.options_form import OptionsForm
from napari_unet.services.segmentation.options import SegmentOptions, has_effect

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.gui.session.settings import SharedSettings

OBJECTS = ("objects", "threshold", "separation", "smallest", "fill_holes")
"""Settings for making labels from the outputs of the network."""
RESULT_FOLLOWS = OBJECTS[1:]
"""Settings that a result on screen follows without another run."""
ADVANCED = (
    "device",
    "engine",
    "precision",
    "tile",
    "memory",
    "normalization",
    "rescale",
    "pixel_size",
    "mirror",
)
REASONS = {
    "threshold": "No effect with this U-Net: it gives each pixel its most probable class.",
    "separation": "Only for objects of a U-Net that was trained to tell them apart.",
    "smallest": "Only where objects are numbered.",
    "fill_holes": "Only where objects are numbered.",
    "diameter": "This U-Net states no diameter of the objects it has learnt (see Load U-Net).",
    "rescale": "This U-Net states neither a diameter nor a pixel size to rescale to.",
    "pixel_size": "This U-Net states no pixel size to rescale to.",
}
"""Why an option has no effect."""


class SegmentForm(OptionsForm[SegmentOptions]):
    """The settings that all panels of a viewer share.

    Parameters
    ----------
    shared
        The shared settings; followed and changed.
    parent
        The panel.
    """

    def __init__(self, shared: SharedSettings, parent: QWidget) -> None:
        super().__init__(SegmentOptions, ("diameter", *OBJECTS, *ADVANCED), parent=parent)
        self._shared = shared
        self._spec: ModelSpec | None = None
        self.fit_model(None)
        self.put(shared.options)
        self.changed.connect(self._share)
        shared.changed.connect(self._follow)

    def let_go(self) -> None:
        """Stop following the shared settings."""
        self._shared.changed.disconnect(self._follow)

    def put(self, options: SegmentOptions) -> None:
        """Set the form to these options."""
        super().put(options)
        self._explain_all()

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Show the model's own settings where none is set, and enable those that have an effect."""
        self._spec = spec
        usual = ObjectOptions()
        self.threshold.automatic = usual.foreground if spec is None else spec.threshold
        self.separation.automatic = usual.seed if spec is None else spec.separation
        words = {model and model.kind: word for word, model in self.normalization.entries}
        own = "" if spec is None else f" ({words[spec.normalization.kind]})"
        self.normalization.name_choice(None, f"as trained{own}")
        size = () if spec is None else spec.pixel_size
        # short, as the widest row sets the panel's width
        per_axis = " × ".join(f"{s:.2g}" for s in (size[:1] if len(set(size)) == 1 else size))
        target = f"to {per_axis} µm" if size else "no size stated"
        if spec is not None and spec.diameter is not None:
            target = f"to objects of {spec.diameter:.3g} px"
        self.rescale.text = target
        self.mirror.text = "" if spec is None else f"{1 << spec.config.ndim} times the time"
        self._explain_all()

    def _explain_all(self) -> None:
        objects = self.objects.value
        for name, reason in REASONS.items():
            self.explain(name, "" if has_effect(name, self._spec, objects) else reason)

    def _share(self) -> None:
        self._explain_all()
        self._shared.put(self.value())

    def _follow(self) -> None:
        if self._shared.options != self.value():
            self.put(self._shared.options)
