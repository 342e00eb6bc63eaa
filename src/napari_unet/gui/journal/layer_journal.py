"""The journal of one labels layer, and where the layer was painted on since the last writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.journal.blocks import Blocks
from napari_unet.gui.journal.note import find_image, note_of
from napari_unet.gui.layers.checked_areas import checks_record
from napari_unet.gui.layers.placement import looked_at
from napari_unet.gui.layers.purpose import KIND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.core.journal.records import ImageIdentity, PaintNote
    from napari_unet.services.storage.journal import Journal

LOOK_EVENTS = ("features", "colormap", "name")
"""Events of what a journal keeps beside the labels: class names, colours, the name of the layer."""
Box = tuple[tuple[int, int], ...]


class LayerJournal:
    """Listens to a labels layer, and updates its journal.

    Nothing is written before the first stroke, so that a segmentation that is only looked at leaves no
    journal. A stroke is noticed at its end (``paint``), which tells where it was, and while it is drawn
    (``labels_update``), on the plane that is shown. Anything else that redraws the layer, such as undo
    or a new array, may have changed it anywhere.

    Parameters
    ----------
    layer
        The layer, in memory.
    image
        The image that is annotated.
    journal
        Its journal.
    wake
        Called when something may have changed.
    begun
        Whether the journal continues that of an earlier process.

    Attributes
    ----------
    unfinished
        Whether the last update left something to compare.
    saved
        Whether the annotation is saved elsewhere too, when last asked.
    """

    def __init__(
        self,
        layer: Labels,
        image: ImageIdentity,
        journal: Journal,
        wake: Callable[[], None],
        *,
        begun: bool = False,
    ) -> None:
        self.layer = layer
        self.journal = journal
        self.begun = begun
        self.unfinished = False
        self.saved = False
        self._image = image
        self._wake = wake
        self._strokes: list[Any] = []
        self._drawn = False
        self._anywhere = False
        self._looks = False
        self._checks: Mapping[str, Any] | None = None
        self.listen()

    def listen(self) -> None:
        """Listen to the layer."""
        self.layer.events.paint.connect(self._note_stroke)
        self.layer.events.labels_update.connect(self._note_drawing)
        self.layer.events.set_data.connect(self._note_change)
        self.layer.events.data.connect(self._note_array)
        for name in LOOK_EVENTS:
            self.layer.events[name].connect(self._note_looks)

    def let_go(self) -> None:
        """Stop listening to the layer."""
        self.layer.events.paint.disconnect(self._note_stroke)
        self.layer.events.labels_update.disconnect(self._note_drawing)
        self.layer.events.set_data.disconnect(self._note_change)
        self.layer.events.data.disconnect(self._note_array)
        for name in LOOK_EVENTS:
            self.layer.events[name].disconnect(self._note_looks)

    @property
    def changed(self) -> bool:
        """Whether there may be changes that are not in the journal."""
        painted = bool(self._strokes) or self._drawn or self._anywhere or self.unfinished
        return painted or self._looks

    def note_checks(self) -> None:
        """Note that other parts of the image may be checked now, which the journal keeps too."""
        if KIND in self.layer.metadata:
            self._looks = True
            self._begin()

    def suspect(self) -> None:
        """Compare the whole layer at the next update."""
        self._anywhere = True

    def task(self, viewer: napari.Viewer | None) -> Callable[[float], bool]:
        """Return an update of the journal, for another thread; called, it tells whether more is left.

        Parameters
        ----------
        viewer
            The viewer of the layer; None if it was removed.
        """
        if not in_memory(self.layer):
            # its array was replaced
            return lambda _: False
        data: NDArray[Any] = self.layer.data
        pieces, touched = Blocks(data.shape), set[int]()
        for stroke in self._strokes:
            for atom in stroke:
                touched |= pieces.meeting(_box(atom[0]))
        if self._drawn and viewer is not None:
            touched |= pieces.meeting(self._shown(viewer))
        if viewer is not None:
            self._checks = checks_record(viewer, find_image(viewer.layers, self._image))
        note = note_of(self.layer, self._image, self._checks)
        sweep, journal = self._anywhere, self.journal
        self._strokes, self._drawn, self._anywhere, self._looks = [], False, False, False
        return lambda seconds: _update(journal, note, data, touched, sweep, seconds)

    def _shown(self, viewer: napari.Viewer) -> Box:
        """Return where the stroke that is being drawn may be."""
        layer = self.layer
        planes = looked_at(viewer, layer)
        # in three dimensions the brush is a ball
        deep = layer.n_edit_dimensions > layer.ndim - len(planes)
        reach = int(layer.brush_size) if deep else 0
        whole = enumerate(layer.data.shape)
        return tuple(
            (planes[d] - reach, planes[d] + reach + 1) if d in planes else (0, side)
            for d, side in whole
        )

    def _note_stroke(self, event: Any) -> None:
        self._strokes.append(event.value)
        self._begin()

    def _note_drawing(self, _: object) -> None:
        self._drawn = True
        self._begin()

    def _note_array(self, _: object) -> None:
        self._strokes, self._drawn = [], False
        # a result that is computed again is not an annotation
        if KIND in self.layer.metadata:
            self._anywhere = True
            self._begin()

    def _note_change(self, _: object) -> None:
        if self.begun:
            self._anywhere = True
            self._wake()

    def _note_looks(self, _: object) -> None:
        if self.begun:
            self._looks = True
            self._wake()

    def _begin(self) -> None:
        self.saved = False
        if not self.begun:
            self.begun = self._anywhere = True
        self._wake()


def in_memory(layer: Labels) -> bool:
    """Whether a layer is in memory, and lost when the program ends."""
    data = layer.data
    return not layer.multiscale and isinstance(data, np.ndarray) and not isinstance(data, np.memmap)


def _box(where: Any) -> Box:
    """Return the bounds of a slice or an index array for each axis."""
    return tuple(
        (int(part.start), int(part.stop))
        if isinstance(part, slice)
        else (int(np.min(part)), int(np.max(part)) + 1)
        for part in where
    )


def _update(
    journal: Journal,
    note: PaintNote,
    labels: NDArray[Any],
    touched: set[int],
    sweep: bool,
    seconds: float,
) -> bool:
    return journal.update(note, labels, touched, sweep=sweep, seconds=seconds)
