"""Probable faults in what is to be learnt, each a click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_unet.gui.annotate.next_region_frame import show_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari

    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.services.checking.finding import Finding

TIP = "What looks wrong in these labels. Click one to see its place."
ROWS = 4
"""So many lines are visible without scrolling."""


class FindingList(QListWidget):
    """A line for each finding; hidden while there are none.

    Parameters
    ----------
    viewer
        Shows the place of the finding that is clicked.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._pairs: Sequence[LayerPair] = ()
        self._findings: Sequence[Finding] = ()
        self.setToolTip(TIP)
        self.setWordWrap(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMaximumHeight((ROWS + 1) * self.fontMetrics().lineSpacing())
        self.itemClicked.connect(lambda item: self.show_finding(self.row(item)))
        self.hide()

    def list_findings(self, findings: Sequence[Finding], pairs: Sequence[LayerPair]) -> None:
        """Show these findings, and no others.

        Parameters
        ----------
        findings
            The findings.
        pairs
            What was checked.
        """
        self._findings, self._pairs = findings, pairs
        self.clear()
        for finding in findings:
            item = QListWidgetItem(str(finding))
            item.setToolTip(str(finding))
            self.addItem(item)
        self.setVisible(bool(findings))

    def show_finding(self, row: int) -> None:
        """Select the labels of a finding, and bring its place into view."""
        finding = self._findings[row]
        if finding.pair >= len(self._pairs):
            # of a file that is not open
            return
        pair = self._pairs[finding.pair]
        if pair.labels not in self._viewer.layers or not pair.is_open(self._viewer):
            return
        for layer in (pair.source, pair.labels):
            layer.visible = True
        self._viewer.layers.selection.active = pair.labels
        if finding.place is not None:
            place = finding.place
            rows, columns = slice(*place.rows), slice(*place.columns)
            list(show_place(self._viewer, pair.source, pair.image, rows, columns, place.index))
