"""The main job shown in the viewer: sample, network, segmentation."""

from __future__ import annotations

import napari
from qtpy.QtCore import QTimer

PLUGIN = "napari-unet-studio"


def open_demo(block: bool = True) -> napari.Viewer:
    """Open napari with the sample and the panels, and press *Segment*.

    Parameters
    ----------
    block
        Whether to return only when the window is closed.

    Returns
    -------
    napari.Viewer
        The viewer.
    """
    viewer = napari.Viewer()
    viewer.open_sample(PLUGIN, "nuclei")
    viewer.window.add_plugin_dock_widget(PLUGIN, "Load U-Net")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment", tabify=True)
    QTimer.singleShot(0, panel.segment.click)
    if block:
        napari.run()
    return viewer


if __name__ == "__main__":
    open_demo()
