"""Size, place and brightness of objects, beside the labels: in the layer's features, and as points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_unet.core.features import measure
from napari_unet.gui.filling import CHECKED_BYTES
from napari_unet.gui.job import Jobs

if TYPE_CHECKING:
    import napari
    from numpy.typing import NDArray

    from napari_unet.core.axes import Image
    from napari_unet.core.features import Columns
    from napari_unet.gui.filling import ResultLayer
    from napari_unet.gui.job import Outcome

MOST = 50_000
"""Objects that a layer's table takes without holding the window up; more are for the command line."""


class Measuring(QObject):
    """Measures the objects of a layer in a thread.

    Parameters
    ----------
    parent
        The panel.
    viewer
        Its viewer.
    """

    changed = Signal()
    """There are measures, or there are none any more."""
    failed = Signal(object)
    """They could not be taken; the exception."""

    def __init__(self, parent: QObject, viewer: napari.Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._jobs = Jobs(self)
        self._next: tuple[Image, ResultLayer, str] | None = None
        self._measured: tuple[Image, ResultLayer, Columns] | None = None

    @property
    def busy(self) -> bool:
        """Whether measures are still to come."""
        return self._jobs.running

    @property
    def there(self) -> bool:
        """Whether there are objects that have been measured."""
        return self._measured is not None and len(self._measured[2]["label"]) > 0

    def start(self, image: Image, result: ResultLayer, spatial: str) -> None:
        """Measure the objects of a layer, in place of what is being measured."""
        self.forget()
        if self._jobs.running:
            self._next = (image, result, spatial)
            return
        numbers = result.numbers
        if result.layer not in self._viewer.layers or numbers.nbytes > CHECKED_BYTES:
            return
        # those of what was there before
        result.layer.features = {}
        # a copy: somebody may paint meanwhile
        job = measure(image, np.array(numbers), spatial=spatial)

        def end(outcome: Outcome[Columns]) -> None:
            self._take(image, result, outcome)

        self._jobs.start("Measuring", job, on_end=end)

    def forget(self) -> None:
        """Stop, and drop what was measured."""
        self._jobs.cancel()
        self._next = None
        self._measured = None
        self.changed.emit()

    def let_go(self) -> None:
        """Stop, and touch the viewer no more."""
        self._jobs.abandon()

    def show_points(self) -> None:
        """Add a layer with a point at the centre of each object."""
        if self._measured is None:
            return
        image, result, columns = self._measured
        self._viewer.add_points(
            result.points(_places(image, columns)),
            name=f"{result.layer.name} centres",
            size=6,
            features=columns,
            **result.transform,
        )

    def _take(self, image: Image, result: ResultLayer, outcome: Outcome[Columns]) -> None:
        if self._next is not None:
            following, self._next = self._next, None
            self.start(*following)
            return
        columns = outcome.result
        if outcome.error is not None:
            self.failed.emit(outcome.error)
        if columns is None or result.layer not in self._viewer.layers:
            return
        if len(columns["label"]) <= MOST:
            result.layer.features = {"index": columns["label"], **columns}
        self._measured = (image, result, columns)
        self.changed.emit()


def _places(image: Image, columns: Columns) -> NDArray[Any]:
    """Return where objects lie, (n, label axes), in pixels."""
    found = []
    for axis in image.label_axes:
        name = next((c for c in columns if c.startswith(f"centroid_{axis.lower()}_")), axis.lower())
        step = 1.0
        if name.startswith("centroid") and not name.endswith("_px"):
            step = image.scale.get(axis, 1.0)
        found.append(columns[name] / step)
    return np.stack(found, axis=1)
