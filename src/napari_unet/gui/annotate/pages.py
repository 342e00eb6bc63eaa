"""What of *Annotate* is in sight: what begins an annotation, or what works on one."""

from __future__ import annotations

import html
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QGroupBox, QVBoxLayout, QWidget

from napari_unet.gui.layers.purpose import KIND_TIPS, kind_of
from napari_unet.gui.widgets.fields import folded_away, text
from napari_unet.gui.widgets.foot import show_in_turn

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_unet.gui.widgets.fields import Fold


class Pages:
    """Shows at most ten controls at a time, and in the foot the button for what comes next.

    Parameters
    ----------
    panel
        The panel *Annotate*, whose parts these are.

    Attributes
    ----------
    start
        What begins or chooses an annotation; while it is open, the rest is away.
    review, parts
        Two ways through an image, of which one at a time is open; it has the buttons in the foot.
    groups
        What works on classes, and on objects.
    """

    def __init__(self, panel: Any) -> None:
        self._panel = panel
        self._layer: Labels | None = None
        self._about = text()
        more, tools = QWidget(), panel.objects
        self._choice = panel.source.add_above("Chosen", panel.annotation.native)
        _stack(more, tools.through_box, tools.between_button, panel.measures)
        more.setVisible(False)
        self.groups = {
            "classes": _stack(QGroupBox("Classes"), panel.classes, margin=6),
            "objects": _stack(QGroupBox("Objects"), tools, more, margin=6),
        }
        self.start = folded_away("Choose or begin an annotation", panel.source)
        self.review = folded_away("Review", panel.review)
        self.parts = folded_away("Annotate only parts", panel.next_region)
        self._beside = panel.foot.add(
            panel.quick_button, panel.review.back_button, panel.next_region.checked_button
        )
        panel.foot.add(
            panel.correct_button,
            panel.finetune_button,
            panel.review.accept_button,
            panel.next_region.next_button,
        )
        tools.more_button.toggled.connect(more.setVisible)
        tools.more_button.toggled.connect(lambda _: self._turn())
        self.start.toggled.connect(partial(self._turn, None))
        self.review.toggled.connect(partial(self._turn, self.parts))
        self.parts.toggled.connect(partial(self._turn, self.review))

    def lay_out(self, body: QVBoxLayout) -> None:
        """Put the parts below each other."""
        plane = self._panel.checks.plane_button
        for part in (
            self.start,
            self._about,
            *self.groups.values(),
            plane,
            self.review,
            self.parts,
        ):
            body.addWidget(part)
        body.addStretch(1)
        self._body = body

    def take(self, layer: Labels | None) -> None:
        """Be about this annotation from now on."""
        # what begins an annotation is folded away once there is one
        if layer is None:
            self.start.expand(animate=False)
        elif layer != self._layer:
            self.start.collapse(animate=False)
        self._layer = layer
        about = "" if layer is None else f"<b>{html.escape(layer.name)}</b><br>"
        self._about.setText(about + ("" if layer is None else KIND_TIPS[kind_of(layer)]))
        self._turn()

    def _turn(self, other: Fold | None = None, opened: bool = False) -> None:
        """Show the page; a way through the image that was opened closes the other."""
        if opened and other is not None:
            other.collapse(animate=False)
        panel, layer = self._panel, self._layer
        works = layer is not None and not self.start.isExpanded()
        objects = layer is not None and works and kind_of(layer) == "objects"
        for part in self._choice:
            part.setVisible(layer is not None)
        self.groups["classes"].setVisible(works and not objects)
        self.groups["objects"].setVisible(objects)
        more = objects and panel.objects.more_button.isChecked()
        self.review.setVisible(objects and not more)
        for part in (panel.checks.plane_button, self.parts):
            part.setVisible(works and not more)
        self._beside.setVisible(works)
        # the list of objects needs the room
        reviews = objects and not more and self.review.isExpanded()
        self._about.setVisible(works and not reviews)
        # all the room there is, instead of leaving it empty below
        self.review.take_room(all_of_it=reviews)
        self._body.setStretchFactor(self.review, int(reviews))
        self._body.setStretch(self._body.count() - 1, int(not reviews))
        if reviews:
            buttons = panel.review.accept_button, panel.review.back_button
        elif works and not more and self.parts.isExpanded():
            buttons = panel.next_region.next_button, panel.next_region.checked_button
        else:
            buttons = panel.finetune_button if works else panel.correct_button, panel.quick_button
        for each in buttons:
            show_in_turn(each)


def _stack(inside: QWidget, *parts: QWidget, margin: int = 0) -> QWidget:
    """Put parts below each other into a widget, and return it."""
    box = QVBoxLayout(inside)
    box.setContentsMargins(margin, margin, margin, margin)
    for part in parts:
        box.addWidget(part)
    return inside
