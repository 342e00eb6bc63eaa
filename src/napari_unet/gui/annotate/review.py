"""Goes through the objects of an annotation, those first that a person should look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.gui.annotate.accepted import accept, accepted_rows, take_back
from napari_unet.gui.annotate.commands import with_key
from napari_unet.gui.annotate.review_list import ReviewList
from napari_unet.gui.layers.visibility import show_alone
from napari_unet.gui.objects.image_link import ImageLink
from napari_unet.gui.objects.object_table import ObjectTable
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import button, offer, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.objects.measure import Columns
    from napari_unet.gui.annotate.review_list import Chosen
    from napari_unet.gui.objects.measuring import Numbered
    from napari_unet.gui.session.session import Session

ORDERS = {"doubt": "Most doubtful first", "disagreement": "Suspect annotations first"}
ORDER_TIP = (
    "Most doubtful: where the U-Net is unsure, or size and shape are unusual. Suspect annotations: "
    "where the U-Net disagrees with what you have annotated; use it after a training."
)
LIST_TIP = "List all objects in the order in which to look at them."
ACCEPT_TIP = "This object is right, now: go to the next one."
BACK_TIP = "Go back to the object that was accepted last, and take that back."
NO_OBJECTS = "There are no objects yet: press “Correct this result” first."
NO_LIST = "Press “List” first."
DOUBTFUL = 0.5
SMALLEST_ON_SCREEN, LARGEST_ON_SCREEN, ON_SCREEN = 25, 150, 50
"""Diameter of a typical object on the screen from and to which the zoom stays; else what it becomes."""
WIDTHS = 50, 165, 70
"""Of the first columns."""


class ReviewForm(QWidget):
    """The list, and what goes through it.

    Parameters
    ----------
    viewer
        Shows the objects.
    session
        Its U-Net tells which objects to doubt.
    chosen
        Returns the image layer, its image and the annotation, if there is one.
    numbered
        Returns the objects of the annotation.

    Attributes
    ----------
    accept_button, back_button
        Go through the list. The panel lays them out in its foot, where they stay in their places.
    """

    failed = Signal(object)
    """What the user tried is not possible; the exception."""

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        chosen: Callable[[], Chosen],
        numbered: Callable[[], Numbered],
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self.list = ReviewList(self, viewer, session, chosen, numbered)
        self._rows = np.arange(0)
        self._undone: list[int] = []
        self.order = Choice([(words, by) for by, words in ORDERS.items()], tooltip=ORDER_TIP)
        self.list_button = button("List", LIST_TIP)
        self.accept_button = button("Accept, next", ACCEPT_TIP, main=True)
        self.back_button = button("Back", BACK_TIP)
        self.left_label = text(NO_LIST)
        self.table = ObjectTable()
        self.link = ImageLink(self, viewer)
        self._lay_out()
        self._connect()
        self._show()

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.order.native, stretch=3)
        row.addWidget(self.list_button, stretch=1)
        box.addLayout(row)
        box.addWidget(self.left_label)
        box.addWidget(self.table)

    def _connect(self) -> None:
        self.list_button.clicked.connect(self.list.begin)
        self.order.changed.connect(self._begin_again)
        self.accept_button.clicked.connect(self.accept)
        self.back_button.clicked.connect(self.go_back)
        self.table.chosen.connect(self._go_to)
        self.link.chosen.connect(self._choose_object)
        self.list.made.connect(self._take_list)
        self.list.forgotten.connect(self._clear)
        self.list.failed.connect(self.failed)

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Show the keys of the buttons."""
        self.accept_button.setText(with_key("Accept, next", keys.get("accept", "")))
        self.back_button.setText(with_key("Back", keys.get("back", "")))

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.list.let_go()

    def take(self, layer: Labels | None) -> None:
        """Be about this annotation from now on."""
        self.list.take(layer)

    def list_suspects(self) -> None:
        """List the annotations that the U-Net disagrees with."""
        with self.order.changed.blocked():
            self.order.value = self.list.by = "disagreement"
        self.list.forget()
        self.list.begin()

    def _take_list(self, numbered: Numbered, source: ImageLayer, fresh: bool) -> None:
        here = self._here
        self.link.follow(numbered, source, self._columns)
        self._fill()
        if fresh:
            show_alone(self._viewer, source, numbered.layer)
            self._choose(0)
        elif here is not None:
            self._stay(here)

    @property
    def _columns(self) -> Columns:
        """All that is listed; empty if nothing is."""
        return {} if self.list.listed is None else self.list.listed.doubts.columns

    @property
    def _here(self) -> tuple[int, int] | None:
        """Row and number of the object that is looked at."""
        row = self.table.current
        if row is None or row >= len(self._rows):
            return None
        return row, int(self.table.rows.columns["label"][row])

    def accept(self) -> None:
        """Take the object as right, and go to the next one."""
        if not self._columns:
            self.list.begin()
            return
        row = self.table.current
        if row is None or row >= len(self._rows):
            self._choose(0)
            return
        accept(self.list.layer, self._columns, int(self._rows[row]))
        self._undone.append(int(self._rows[row]))
        self._fill()
        self._choose(min(row, len(self._rows) - 1))

    def go_back(self) -> None:
        """Take the last *Accept* back."""
        if not self._columns or not self._undone:
            return
        index = self._undone.pop()
        take_back(self.list.layer, self._columns, index)
        self._fill()
        self._choose(int(np.searchsorted(self._rows, index)))

    def _fill(self) -> None:
        """Show the objects that are still to be looked at."""
        columns = self._columns
        self._rows = np.flatnonzero(~accepted_rows(self.list.layer, columns))
        names = ["label", "why", self.list.by, *(name for name in columns if len(name) == 1)]
        self.table.put({name: columns[name][self._rows] for name in names})
        for i, width in enumerate(WIDTHS):
            self.table.setColumnWidth(i, width)
        self._show()

    def _choose(self, row: int) -> None:
        if 0 <= row < len(self._rows):
            self.table.show_object(row)
            self._go_to(row)

    def _go_to(self, row: int) -> None:
        """Bring an object into view, and select its number."""
        index = int(self._rows[row])
        self._zoom()
        self.link.show(index, move=True)
        number = int(self._columns["label"][index])
        if number:
            self.list.layer.selected_label = number
        self._show()

    def _zoom(self) -> None:
        """Show objects neither too small nor too large; the same for all, so that nothing jumps."""
        camera = getattr(self._viewer, "scene", self._viewer).camera
        typical = float(np.median(self._columns["equivalent_diameter_px"]))
        diameter = typical * float(self.list.layer.scale[-1])
        if not SMALLEST_ON_SCREEN <= diameter * camera.zoom <= LARGEST_ON_SCREEN:
            camera.zoom = ON_SCREEN / diameter

    def _choose_object(self, index: int) -> None:
        """Choose the row of an object that was clicked in the image."""
        row = int(np.searchsorted(self._rows, index))
        if row < len(self._rows) and self._rows[row] == index:
            self.table.show_object(row)
            self.link.show(index, move=False)

    def _stay(self, here: tuple[int, int]) -> None:
        """Stay at an object after the list was renewed, without moving the view."""
        row, number = here
        same = np.flatnonzero(self.table.rows.columns["label"] == number)
        row = int(same[0]) if len(same) and number else min(row, len(self._rows) - 1)
        if row >= 0:
            self.table.show_object(row)
            self.link.show(int(self._rows[row]), move=False)

    def _begin_again(self, _: object = None) -> None:
        self.list.by = self.order.value
        if self._columns:
            self.list.forget()
            self.list.begin()

    def _clear(self) -> None:
        self._rows, self._undone = np.arange(0), []
        # the ring of a layer that is still reviewed moves: a new one would take a while
        if not self.link.follows(self.list.layer):
            self.link.follow(None)
        self.table.put({})
        self._show()

    def _show(self) -> None:
        none = "" if self._columns else NO_LIST
        offer(self.list_button, LIST_TIP, "" if self.list.layer is not None else NO_OBJECTS)
        offer(self.accept_button, ACCEPT_TIP, none)
        offer(self.back_button, BACK_TIP, none)
        self.left_label.setText(f"{none or self._left()}<br>{self._why()}")

    def _why(self) -> str:
        """Return which object is looked at, and why, in words."""
        row, shown = self.table.current, self.table.rows.columns
        if row is None or not shown or row >= len(self._rows):
            return ""
        number = int(shown["label"][row])
        return f"{f'Object {number}' if number else 'An object'}: {shown['why'][row]}"

    def _left(self) -> str:
        """Return how many objects are left, in words."""
        columns, n = self._columns, len(self._rows)
        total = len(columns["label"])
        if not n:
            return f"All {total:,} are accepted."
        left = f"<b>{n:,} left</b> of {total:,}"
        if self.list.by == "doubt":
            left += f", {int((columns['doubt'][self._rows] > DOUBTFUL).sum()):,} of them doubtful"
        return f"{left}."
