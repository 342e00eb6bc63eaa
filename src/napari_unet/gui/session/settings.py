"""How images are segmented: one set of options for all panels of a viewer."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_unet.services.segmentation.options import SegmentOptions


class SharedSettings(QObject):
    """The options that *Segment* and *Batch* show, so that what was tried in one is used in the other.

    Parameters
    ----------
    parent
        Its owner.
    """

    changed = Signal()
    """An option has another value."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._options = SegmentOptions()

    @property
    def options(self) -> SegmentOptions:
        """The options; channels and outputs are chosen in each panel."""
        return self._options

    def put(self, options: SegmentOptions) -> None:
        """Set the options."""
        if options != self._options:
            self._options = options
            self.changed.emit()

    def forget_threshold(self) -> None:
        """Go back to the model's own threshold: that of another model means something else."""
        self.put(self._options.model_copy(update={"threshold": None}))
