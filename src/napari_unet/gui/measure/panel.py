"""*Measure*: the objects of a result, counted, as a table and a plot, and saved."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.tracking.over_time import over_time
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.image_under import image_under
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.purpose import (
    is_annotation,
    is_preview,
    is_unfinished,
    kind_of,
    likely_kind,
)
from napari_unet.gui.layers.purpose import is_paint as is_labels
from napari_unet.gui.measure.saving import SaveRow
from napari_unet.gui.measure.through_time import ThroughTime
from napari_unet.gui.measure.tracked import parents_of
from napari_unet.gui.objects.image_link import ImageLink
from napari_unet.gui.objects.measuring import TOO_LARGE, Measuring, Numbered
from napari_unet.gui.objects.object_plot import ObjectPlot
from napari_unet.gui.objects.object_table import ObjectTable
from napari_unet.gui.widgets.fields import button, form, text
from napari_unet.gui.widgets.layer_choice import LayerChoice
from napari_unet.gui.widgets.panel import Panel

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer
    from qtpy.QtGui import QShowEvent

    from napari_unet.core.objects.measure import Columns
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.session.session import Session

LABELS_TIP = "The objects: a result, an annotation of objects, or any labels that cover an image."
MEASURE_TIP = "Measure the objects as they are now, for example after you have corrected them."
FILLED_IN = "“{}” is being filled in. Its objects are counted when it is complete."
UNFINISHED = "“{}” was stopped before it was complete, so there is no count."
NOTHING = "Press Segment first; then the objects are counted here."


class MeasurePanel(Panel):
    """Counts and measures the objects of a layer.

    Parameters
    ----------
    viewer
        The viewer with the labels and their image.
    session
        What the panels share.
    keeper
        Journals what is painted on linked labels.
    """

    HEIGHT = 560

    def __init__(self, viewer: napari.Viewer, session: Session, keeper: PaintKeeper) -> None:
        super().__init__(viewer, session)
        self.labels = LayerChoice(viewer, LABELS_TIP, _holds_objects)
        self.count_label = text(NOTHING)
        self.measure_button = button("Measure", MEASURE_TIP, main=True)
        self.through_time = ThroughTime(self, self._chosen, keeper)
        self.measuring = Measuring(self, viewer)
        self.table, self.plot = ObjectTable(), ObjectPlot()
        self.link = ImageLink(self, viewer)
        self.save_row = SaveRow(self, self._measured_objects)
        self._source: ImageLayer | None = None
        self._numbered: Numbered | None = None
        self._columns: Columns = {}
        self._followed: Any = None
        self._lay_out()
        self._connect()
        self.save_row.offer_tracks(linked=False)

    def _lay_out(self) -> None:
        rows = form()
        rows.addRow("Labels", self.labels.native)
        self.body.addLayout(rows)
        self.body.addWidget(self.count_label)
        self.body.addWidget(self.plot)
        self.body.addWidget(self.table, stretch=1)
        self.body.addWidget(self.save_row)
        self.foot.add(self.measure_button)
        self.foot.add(self.through_time.button)

    def _connect(self) -> None:
        self.labels.changed.connect(self._start_quietly)
        self.through_time.linked.connect(self.labels.choose)
        self.measure_button.clicked.connect(self._start)
        self.measuring.failed.connect(self.foot.message.show_error)
        self.measuring.changed.connect(self._take)
        self.table.chosen.connect(self._choose_row)
        self.plot.chosen.connect(self._choose_point)
        self.link.chosen.connect(self._choose_object)
        self.viewer.layers.events.removed.connect(self._forget_removed)

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        self.viewer.layers.events.removed.disconnect(self._forget_removed)
        self.link.follow(None)
        self._follow(None)
        self.measuring.let_go()
        self.labels.let_go()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Measure what is there when the panel is first looked at."""
        super().showEvent(event)
        self._start_quietly()

    def _start_quietly(self) -> None:
        """Measure a layer that was not measured yet; why one can't be is said on *Measure*."""
        layer = self.labels.layer
        self._follow(layer)
        measured = self._numbered is not None and self._numbered.layer is layer
        if self.isVisible() and layer is not None and not measured:
            self._measure_quietly(layer)

    def _measure_quietly(self, layer: Labels) -> None:
        if not layer.editable:
            self._forget(FILLED_IN.format(layer.name))
            return
        if is_unfinished(layer):
            self._forget(UNFINISHED.format(layer.name))
            return
        try:
            self._begin()
        except UserError as error:
            self.count_label.setText(error.problem)

    def _follow(self, layer: Labels | None) -> None:
        """Notice when the chosen layer begins and ends to be filled in."""
        if self._followed is not None:
            self._followed.events.editable.disconnect(self._take_filling)
        self._followed = None if layer is None else real(layer)
        if self._followed is not None:
            self._followed.events.editable.connect(self._take_filling)

    def _take_filling(self, _: object) -> None:
        layer = self.labels.layer
        if layer is None or real(layer) is not self._followed:
            return
        if not layer.editable:
            self._forget(FILLED_IN.format(layer.name))
        elif self._numbered is None and self.isVisible():
            self._measure_quietly(layer)

    def _start(self) -> None:
        with self.reporting():
            self._begin()

    def _begin(self) -> None:
        self._source, self._numbered = self._chosen()
        self.measuring.start(self._numbered)

    def _chosen(self) -> tuple[ImageLayer, Numbered]:
        """Return the chosen labels, and the layer of the image under them."""
        layer = self.labels.layer
        if layer is None:
            raise UserError(
                "There are no objects yet",
                rule="Labels are measured.",
                remedy="Press Segment first.",
            )
        if not layer.editable:
            raise UserError(
                f"{layer.name!r} is being filled in",
                rule="A result is measured once it is complete.",
                remedy="Wait until it is; then it is measured by itself.",
            )
        if is_unfinished(layer):
            raise UserError(
                f"{layer.name!r} was stopped before it was complete",
                rule="Objects are numbered when all of a plane or volume is segmented.",
                remedy="Press Segment again.",
            )
        source, image = image_under(self.viewer, layer)
        model = self.session.model
        planes = model is not None and model.spec.axes == "YX"
        numbered = Numbered(image, layer, "YX" if planes else "", place(source, image.axes).inside)
        if numbered.too_large:
            raise UserError(
                f"{layer.name!r} is too large for a table",
                rule=TOO_LARGE,
                remedy="Save the labels, and measure the file.",
            )
        return source, numbered

    def _take(self) -> None:
        columns = self.measuring.columns
        parents = None if self._numbered is None else parents_of(self._numbered.layer)
        self._columns = {} if columns is None else columns
        if columns is not None and parents is not None:
            self._columns = over_time(columns, parents)
        self.link.follow(self._numbered if self._columns else None, self._source, self._columns)
        self.table.put(self._columns)
        self.plot.put(self._columns)
        self.through_time.offer(self._numbered if self._columns else None)
        self.save_row.offer_tracks(linked=parents is not None)
        if self._numbered is not None and columns is not None:
            self.count_label.setText(_count(columns, self._numbered.layer, parents))

    def _measured_objects(self) -> tuple[Numbered, ImageLayer, Columns]:
        if self._numbered is None or self._source is None or not self._columns:
            raise UserError(
                "No objects have been measured yet",
                rule="What was measured is saved.",
                remedy="Press Segment, and then Measure.",
            )
        return self._numbered, self._source, self._columns

    def _choose_row(self, row: int) -> None:
        self.link.show(row, move=True)
        self.plot.mark(row)

    def _choose_point(self, row: int) -> None:
        self.table.show_object(row)
        self._choose_row(row)

    def _choose_object(self, row: int) -> None:
        self.table.show_object(row)
        self.link.show(row, move=False)
        self.plot.mark(row)

    def _forget_removed(self, event: Any) -> None:
        if self._numbered is not None and event.value is self._numbered.layer:
            self._forget(NOTHING)

    def _forget(self, reason: str) -> None:
        """Show no objects, and say why."""
        self._numbered = self._source = None
        self.measuring.forget()
        self.count_label.setText(reason)


def _count(columns: Columns, layer: Labels, parents: dict[int, int] | None) -> str:
    """Return how many objects a layer has; of tracks, also how many go through time."""
    n = len(columns["label"])
    counted = f"<b>{n:,} object{'s' * (n != 1)}</b>"
    if parents is not None:
        tracks = len(np.unique(columns["label"]))
        counted += f" in {tracks:,} track{'s' * (tracks != 1)}"
    return f"{counted} in “{html.escape(layer.name)}”"


def _holds_objects(layer: Layer) -> bool:
    if not is_labels(layer) or is_preview(layer):
        return False
    return (kind_of(layer) if is_annotation(layer) else likely_kind(layer)) == "objects"
