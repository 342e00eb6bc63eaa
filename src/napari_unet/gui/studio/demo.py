"""The main use shown in the viewer: sample, network, segmentation."""

from __future__ import annotations

import napari
from qtpy.QtCore import QTimer

PLUGIN = "napari-unet-studio"


def open_demo(block: bool = True) -> napari.Viewer:
    """Open napari with the sample and *U-Net Studio*, and press *Segment*.

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
    _, studio = viewer.window.add_plugin_dock_widget(PLUGIN, "U-Net Studio")
    QTimer.singleShot(0, studio.show_page("Segment").segment_button.click)
    if block:
        napari.run()
    return viewer


if __name__ == "__main__":
    open_demo()
