"""What a comparison with true labels has found, as a layer over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.gui.evaluate.score_tables import colour_of
from napari_unet.gui.layers.images import selection_kept
from napari_unet.gui.layers.purpose import MISTAKES
from napari_unet.gui.layers.results import result_layer

if TYPE_CHECKING:
    import napari
    from numpy.typing import NDArray

    from napari_unet.gui.evaluate.comparison import LabelComparison

OPACITY = 0.7


def show_mistakes(
    viewer: napari.Viewer, comparison: LabelComparison, states: NDArray[np.uint8]
) -> Any:
    """Show hits and mistakes in their colours, and hide the labels that they are about.

    Parameters
    ----------
    viewer
        Gets a labels layer; that of an earlier call is used again.
    comparison
        What was compared.
    states
        With the axes of the labels.

    Returns
    -------
    Labels
        The layer.
    """
    # it brings scipy, which would make the opening of the panel late
    from napari_unet.services.evaluation.mistakes import NAMES

    names = {state: name for state, name in enumerate(NAMES) if name}
    colours = [colour_of(state) for state in names]
    purpose = {"title": MISTAKES}
    with selection_kept(viewer):
        shown = result_layer(
            viewer,
            comparison.result,
            comparison.placed,
            np.dtype(np.uint8),
            purpose,
            names,
            colours,
        )
    shown.layer.opacity = OPACITY
    shown.layer.visible = True
    shown.write(tuple(slice(0, n) for n in states.shape), states)
    shown.finish({"compared": list(comparison.names), "purpose": purpose})
    for layer in (comparison.result, comparison.truth):
        if layer in viewer.layers:
            layer.visible = False
    return shown.layer
