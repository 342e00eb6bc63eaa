"""Copies of annotations, made in a thread, because their layers may be painted on meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Lazy
    from napari_unet.gui.layers.layer_pair import LayerPair

SETTLE_MS = 2000
"""How long a layer must be left alone before new paint goes into a training."""

Snapshot = tuple["Annotation", ...]


def snapshot(
    pairs: Sequence[LayerPair],
    paints: Sequence[Lazy],
    earlier: Snapshot | None = None,
    *,
    stroked: bool = True,
) -> Job[Snapshot]:
    """Copy annotations, in a thread other than the main one.

    Parameters
    ----------
    pairs
        The images and their annotations.
    paints
        The current array of each annotation.
    earlier
        An earlier snapshot of the same pairs, perhaps with other regions.
    stroked
        Whether something was painted since, which can't be seen in arrays that stay on disk.

    Yields
    ------
    Progress
        After each image.

    Returns
    -------
    tuple of Annotation
        The earlier snapshot itself if nothing has changed. Arrays that stay on disk are not copied.

    Raises
    ------
    UserError
        When an annotation does not match its image, or a region is outside it.
    """
    copies: list[Annotation] = []
    for i, (pair, paint) in enumerate(zip(pairs, paints, strict=True)):
        yield Progress(i, len(pairs), "Reading the annotation")
        before = earlier[i] if earlier is not None else None
        if before is None:
            copies.append(pair.annotation(_copy(paint)))
        elif before.regions == pair.regions and _same(before.paint, paint, stroked):
            copies.append(before)
        else:
            copies.append(replace(before, paint=_copy(paint), regions=pair.regions))
    unchanged = earlier is not None and all(
        new is old for new, old in zip(copies, earlier, strict=True)
    )
    return earlier if unchanged and earlier is not None else tuple(copies)


def _copy(paint: Any) -> Any:
    return np.array(paint) if _in_memory(paint) else paint


def _same(before: Any, now: Any, stroked: bool) -> bool:
    if not _in_memory(now):
        return not stroked
    return before.dtype == now.dtype and np.array_equal(before, now)


def _in_memory(paint: Any) -> bool:
    return isinstance(paint, np.ndarray) and not isinstance(paint, np.memmap)


class AnnotationWatch(QObject):
    """Tells when annotations or their regions were changed, and then left alone for a while.

    Parameters
    ----------
    parent
        It lives as long as this.
    settle
        How long they must be left alone, in milliseconds.
    """

    settled = Signal(bool)
    """They were left alone; whether there was a stroke, or only another event that redraws them."""

    def __init__(self, parent: QObject, settle: int = SETTLE_MS) -> None:
        super().__init__(parent)
        self._layers: list[Any] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(settle)
        self._timer.timeout.connect(self._emit)
        self._stroked = False

    def watch(self, pairs: Sequence[LayerPair]) -> None:
        """Watch the layers of the annotations and regions of these pairs, and no others."""
        both = [layer for pair in pairs for layer in (pair.labels, pair.shapes)]
        layers = list({id(layer): layer for layer in both if layer is not None}.values())
        if layers == self._layers:
            return
        self.let_go()
        self._layers = layers
        for layer in layers:
            for event, then in self._listeners(layer):
                event.connect(then)

    def let_go(self) -> None:
        """Watch nothing."""
        for layer in self._layers:
            for event, then in self._listeners(layer):
                event.disconnect(then)
        self._layers = []
        self._timer.stop()

    def _listeners(self, layer: Any) -> list[tuple[Any, Callable[[object], None]]]:
        events = layer.events
        if isinstance(layer, Shapes):
            return [(events.data, self.touch)]
        # undo only emits the second; so does showing another plane
        return [(events.paint, self._note_stroke), (events.set_data, self.touch)]

    def touch(self, _: object = None) -> None:
        """Start waiting again."""
        self._timer.start()

    def _note_stroke(self, _: object = None) -> None:
        self._stroked = True
        self.touch()

    def _emit(self) -> None:
        stroked, self._stroked = self._stroked, False
        self.settled.emit(stroked)
