"""What can be read in *U-Net Studio*: contrast, texts that are cut, controls and what they say.

Run as a program, it writes what is cut in a window of 1280 × 800 pixels of the screen, whatever
QT_SCALE_FACTOR makes of these.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from qtpy.QtCore import QSize
from qtpy.QtGui import QColor, QFontMetrics
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QScrollBar,
    QTableWidget,
    QToolButton,
)
from superqt import QCollapsible, QElidingLabel, QLabeledDoubleSlider

from napari_unet.gui.objects.tool_bar import ToolButton

SCREEN = 1280, 800
BARS = 100
"""Height of what is above and below the docks: menus and the status bar."""
CONTROLS = (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QListWidget,
    QTableWidget,
)


def contrast(one, other):
    """The ratio of WCAG between two colours, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    """Relative luminance of a colour, as WCAG defines it."""
    colour = QColor(colour)
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def controls(page):
    """The controls of a panel, those apart that others are made of."""
    found = [w for kind in CONTROLS for w in page.findChildren(kind)]
    return [w for w in dict.fromkeys(found) if not is_part(w)]


def is_part(widget):
    """Whether it belongs to another control or to a scroll area, or is Qt's own."""
    qts_own = isinstance(widget, QToolButton) and not isinstance(widget, ToolButton)
    if qts_own or isinstance(widget, QScrollBar) or widget.objectName().startswith("qt_"):
        return True
    parent = widget.parentWidget()
    # the number beside a slider says what the slider says
    if isinstance(parent, QLabeledDoubleSlider) and not isinstance(widget, QAbstractSlider):
        return True
    while parent is not None:
        if isinstance(parent, (QAbstractSpinBox, QComboBox)):
            return True
        parent = parent.parentWidget()
    return False


def tip_of(widget):
    """What is said where the mouse rests on a widget: its own tip, or that of what it is a part of."""
    while widget is not None and not widget.toolTip():
        widget = widget.parentWidget()
    return "" if widget is None else widget.toolTip()


def unfold(page):
    """Open what is folded away."""
    for fold in page.findChildren(QCollapsible):
        fold.expand(animate=False)
    for more in page.findChildren(ToolButton):
        if more.accessibleName() == "More":
            more.setChecked(True)


def in_sight(page):
    """The controls of a panel that are seen; what a bar of tools holds is one."""
    found = [w for w in controls(page) if w.isVisibleTo(page) and not folded(w)]
    bars = {w.parentWidget() for w in found if isinstance(w, ToolButton)}
    lists = (QListWidget, QTableWidget)
    return [w for w in found if not isinstance(w, (ToolButton, *lists))] + list(bars)


def folded(widget):
    """Whether it lies in a section that is closed."""
    below, above = widget, widget.parentWidget()
    while above is not None:
        if isinstance(above, QCollapsible) and not above.isExpanded():
            return below is not above.toggleButton()
        below, above = above, above.parentWidget()
    return False


def cut_texts(top):
    """The texts of buttons and labels that are seen, and don't fit where they are."""
    return [w.text() for w in top.findChildren(QAbstractButton) if is_cut_button(w)] + [
        w.text() for w in top.findChildren(QLabel) if is_cut_label(w)
    ]


def is_cut_button(widget):
    needs = QFontMetrics(widget.font()).horizontalAdvance(widget.text().replace("&", ""))
    return widget.isVisible() and bool(widget.text()) and needs > widget.width()


def is_cut_label(widget):
    # those that shorten names say so by their dots
    if not widget.isVisible() or not widget.text() or isinstance(widget, QElidingLabel):
        return False
    if widget.wordWrap():
        return widget.heightForWidth(widget.width()) > widget.height()
    return widget.sizeHint().width() > widget.width()


def cut_in(viewer):
    """Go through all panels in a small window; returns what is cut, by panel."""
    from napari_unet.gui.plugin import PAGES

    window = viewer.window._qt_window
    size = QSize(*(round(n / window.devicePixelRatio()) for n in SCREEN))
    window.resize(size)
    # texts are laid out all the same
    window.setUpdatesEnabled(False)
    viewer.open_sample("napari-unet-studio", "nuclei")
    viewer.layers[0].name = "a layer of sixty characters".ljust(60, "x")
    dock, studio = viewer.window.add_plugin_dock_widget("napari-unet-studio", "U-Net Studio")
    found = {"scale": window.devicePixelRatio(), "cut": {}, "wide": []}
    for title in PAGES:
        page = studio.show_page(title)
        if title == "Annotate":
            page.source.new_button.click()
        settle()
        unfold(page)
        settle()
        found["cut"][title] = cut_texts(studio)
        if page.inside.minimumSizeHint().width() > page.scroll.viewport().width():
            found["wide"].append(title)
    found["tabs fit"] = studio.tabs.tabBar().sizeHint().width() <= studio.tabs.width()
    found["project"] = studio.project_row.name_label._elidedText()
    # napari's own widgets on the left want more than that
    found["fits"] = dock.minimumSizeHint().height() <= size.height() - BARS
    return found


def main():
    """Print what is cut as JSON."""
    import napari

    place = "napari_unet.services.library.user_data_path"
    with tempfile.TemporaryDirectory() as folder, patch(place, lambda *_, **__: Path(folder)):
        viewer = napari.Viewer()
        found = cut_in(viewer)
        viewer.close()
    sys.stdout.write(json.dumps(found))


def settle(rounds=30):
    """Let layouts and delayed work come to rest."""
    from qtpy.QtTest import QTest

    for _ in range(rounds):
        QApplication.processEvents()
        QTest.qWait(10)


if __name__ == "__main__":
    sys.exit(main())
