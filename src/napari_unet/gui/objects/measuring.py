"""Size, position and brightness of objects, in the features of their layer and as points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_unet.core.errors import UserError
from napari_unet.core.objects.measure import measure
from napari_unet.gui.layers.images import place_of
from napari_unet.gui.layers.result_layer import CHECKED_BYTES
from napari_unet.gui.session.jobs import Jobs

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.core.objects.details import Details
    from napari_unet.core.objects.measure import Columns
    from napari_unet.gui.session.worker import Outcome

MAX_TABLED_OBJECTS = 50_000
"""Objects that the table of a layer takes without blocking the window."""
TOO_LARGE = "Layers with more than 32 million pixels are measured by “napari-unet measure”."


@dataclass(frozen=True, eq=False)
class Numbered:
    """A layer of objects, and their image.

    Attributes
    ----------
    image
        The image.
    layer
        Each number above 0 is one object.
    spatial
        As for `measure`.
    inside
        Index that takes the image's label axes out of the layer's data.
    """

    image: Image
    layer: Labels
    spatial: str
    inside: tuple[Any, ...]

    @property
    def too_large(self) -> bool:
        """Whether only the command line measures it."""
        return bool(self.layer.data.nbytes > CHECKED_BYTES)

    @property
    def numbers(self) -> NDArray[Any]:
        """A copy of the numbers, with the label axes of the image, as the layer may be painted on."""
        return np.array(self.layer.data[self._index])

    def parents(self, layer: Labels) -> NDArray[Any]:
        """Return a copy of the labels of another layer, likewise.

        Raises
        ------
        UserError
            When it is of another shape.
        """
        if layer.data.shape != self.layer.data.shape:
            raise UserError(
                f"“{layer.name}” does not cover the same pixels",
                value=f"shape {layer.data.shape}",
                rule=f"The layer that objects lie in has the shape of theirs, {self.layer.data.shape}.",
                remedy="Choose another one, or none.",
            )
        return np.array(layer.data[self._index])

    def points(self, columns: Columns) -> dict[str, Any]:
        """Return the arguments of a points layer with the centre of each object."""
        layer = self.layer
        places = _places(self.image, columns)
        data = np.zeros((len(places), layer.ndim))
        data[:, [d for d, part in enumerate(self._index) if isinstance(part, slice)]] = places
        return {
            "data": data,
            "name": f"{layer.name} centres",
            "features": columns,
            **place_of(layer),
        }

    @property
    def _index(self) -> tuple[Any, ...]:
        # labels that the user has opened may lack the axis of length 1 that stands for the channels
        fits = len(self.inside) == self.layer.ndim
        return self.inside if fits else (slice(None),) * self.layer.ndim


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
    """There are new measures, or none any more."""
    failed = Signal(object)
    """Measuring failed; the exception."""

    def __init__(self, parent: QObject, viewer: napari.Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._jobs = Jobs(self)
        self._next: tuple[Numbered, Details | None] | None = None
        self._measured: tuple[Numbered, Columns] | None = None

    @property
    def busy(self) -> bool:
        """Whether objects are being measured."""
        return self._jobs.running

    @property
    def count(self) -> int:
        """How many objects have been measured."""
        return 0 if self._measured is None else len(self._measured[1]["label"])

    @property
    def columns(self) -> Columns | None:
        """The measures; None if there are none."""
        return None if self._measured is None else self._measured[1]

    @property
    def tabled(self) -> bool:
        """Whether the table of the layer holds them."""
        return self.count <= MAX_TABLED_OBJECTS

    def start(self, numbered: Numbered, details: Details | None = None) -> None:
        """Measure the objects of a layer, in place of what is being measured.

        Parameters
        ----------
        numbered
            The objects.
        details
            As for `measure`.
        """
        self.forget()
        if self._jobs.running:
            self._next = (numbered, details)
            return
        if numbered.layer not in self._viewer.layers or numbered.too_large:
            return
        # they were of the earlier objects
        numbered.layer.features = {}
        job = measure(numbered.image, numbered.numbers, spatial=numbered.spatial, details=details)

        def end(outcome: Outcome[Columns]) -> None:
            self._take(numbered, outcome)

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
        if self._measured is not None:
            numbered, columns = self._measured
            self._viewer.add_points(size=6, **numbered.points(columns))

    def _take(self, numbered: Numbered, outcome: Outcome[Columns]) -> None:
        if self._next is not None:
            following, self._next = self._next, None
            self.start(*following)
            return
        columns = outcome.result
        if outcome.error is not None:
            self.failed.emit(outcome.error)
        if columns is None or numbered.layer not in self._viewer.layers:
            return
        self._measured = (numbered, columns)
        if self.tabled:
            numbered.layer.features = {"index": columns["label"], **columns}
        self.changed.emit()


def _places(image: Image, columns: Columns) -> NDArray[Any]:
    """Return where objects lie, (n, label axes), in pixels."""
    columns_px = []
    for axis in image.label_axes:
        name = next((c for c in columns if c.startswith(f"centroid_{axis.lower()}_")), axis.lower())
        step = 1.0
        if name.startswith("centroid") and not name.endswith("_px"):
            step = image.scale.get(axis, 1.0)
        columns_px.append(columns[name] / step)
    return np.stack(columns_px, axis=1)
