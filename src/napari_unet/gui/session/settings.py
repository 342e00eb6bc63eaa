"""The settings of a segmentation that the panels of a viewer share."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_unet.services.segmentation.options import SegmentOptions


class SharedSettings(QObject):
    """The options shown in *Segment* and *Batch*: what was tried in one is used in the other.

    Parameters
    ----------
    parent
        Its owner.
    """

    changed = Signal()
    """An option was changed."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._options = SegmentOptions()

    @property
    def options(self) -> SegmentOptions:
        """The options, without channels and outputs, which are chosen in each panel."""
        return self._options

    def put(self, options: SegmentOptions) -> None:
        """Set the options."""
        if options != self._options:
            self._options = options
            self.changed.emit()

    def forget_threshold(self) -> None:
        """Reset the threshold to the model's own: a threshold for one model does not suit another."""
        self.put(self._options.model_copy(update={"threshold": None}))
