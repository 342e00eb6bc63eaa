"""Every sample of *File ▸ Open Sample* opens as a layer with its scale, axes and contrast."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer
from npe2 import PluginManifest

from napari_unet.gui.studio import sample

MANIFEST = PluginManifest.from_distribution("napari-unet-studio")
COMMANDS = {c.id: c.python_name for c in MANIFEST.contributions.commands}
FUNCTIONS = {s.key: COMMANDS[s.command] for s in MANIFEST.contributions.sample_data}


@pytest.mark.parametrize("name", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_sample_opens(qapp, name):
    ((pixels, how, kind),) = getattr(sample, name.rpartition(":")[2])()
    layer = Layer.create(pixels, how, kind)
    assert layer.name
    assert (layer.scale > 0).all()
    assert set(layer.axis_labels) <= {"t", "z", "y", "x"}
    assert layer.rgb == (pixels.shape[-1] == 3)
    low, high = layer.contrast_limits
    # most of it is neither black nor white
    assert np.mean((pixels > low) & (pixels < high)) > 0.5
