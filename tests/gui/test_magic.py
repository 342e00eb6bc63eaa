"""The widgets for scripts, and the panels' settings, as they are used from napari's console."""

from __future__ import annotations

import numpy as np
import pytest
from finetune_kit import discs, scribbles
from gui_kit import large_model, random_image, small_model
from gui_kit import library as library
from gui_kit import segment_panel as segment_panel
from gui_kit import viewer as viewer
from qtpy.QtCore import QTimer

from napari_unet.core.errors import UserError
from napari_unet.core.progress import finish
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.layers.purpose import KIND
from napari_unet.gui.magic import fine_tune, load_unet, segment
from napari_unet.gui.plugin import BatchDock, parts_of
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment as segment_without_viewer


def docked(viewer, factory):
    widget = factory()
    viewer.window.add_dock_widget(widget, name="script")
    return widget


def test_a_script_loads_a_model_and_segments_with_settings_of_its_own(viewer, library):
    image = viewer.add_image(random_image(40, 50), name="cells")
    loading = docked(viewer, load_unet)
    loading.model.value = "small"
    model = loading()
    assert model.spec.name == "small"
    assert parts_of(viewer).session.model is model
    widget = docked(viewer, segment)
    assert widget.threshold.value is None
    widget.threshold.value = 0.9
    widget.precision.value = "float32"
    widget.probabilities.value = True
    labels, probabilities = widget()
    assert labels in viewer.layers
    assert probabilities.name == "cells P(cell)"
    options = SegmentOptions(threshold=0.9, precision="float32")
    wanted = finish(segment_without_viewer(image_of(image, "YX"), model, options)).labels
    assert np.array_equal(labels.data, wanted)
    assert labels.metadata["napari_unet"]["options"]["threshold"] == 0.9


def test_settings_can_be_given_with_the_call(viewer):
    viewer.add_image(random_image(40, 50), name="cells")
    (labels,) = docked(viewer, segment)(model="small", objects=True, axes="YX")
    assert labels.name == "cells objects"


def test_a_script_fine_tunes_and_uses_the_new_model(viewer, library):
    image, inside = discs()
    viewer.add_image(image, name="cells")
    viewer.add_labels(scribbles(inside), name="mine", metadata={KIND: "scribbles"})
    widget = docked(viewer, fine_tune)
    for name, value in {"steps": 4, "minutes": None, "patch": 32, "batch": 2}.items():
        widget[name].value = value
    model = widget(model="small")
    assert model.spec.name == "small-tuned"
    assert model.spec.provenance.training["options"]["steps"] == 4
    session = parts_of(viewer).session
    assert session.model.spec.name == "small-tuned"
    assert "small-tuned" in [entry.name for entry in library.entries()]


def test_what_is_missing_is_said_and_nothing_is_left_behind(viewer):
    widget = docked(viewer, segment)
    with pytest.raises(UserError, match="no image"):
        widget(image=None)
    viewer.add_image(random_image(40, 50), name="cells")
    with pytest.raises(UserError, match="nowhere"):
        widget(model="nowhere")
    assert len(viewer.layers) == 1


def test_the_window_stays_alive_and_a_cancelled_call_says_so(viewer):
    viewer.add_image(random_image(3, 512, 512), name="cells")
    session = parts_of(viewer).session
    session.model, session.source = large_model(), "large"
    QTimer.singleShot(300, session.jobs.cancel)
    with pytest.raises(UserError, match="cancelled"):
        docked(viewer, segment)()


def test_a_long_name_does_not_widen_the_dock(viewer):
    viewer.add_image(random_image(40, 50), name="x" * 60)
    for factory in (load_unet, segment, fine_tune):
        assert docked(viewer, factory).native.minimumSizeHint().width() <= 330


def test_settings_of_a_panel_can_be_set_from_the_console(segment_panel):
    settings = segment_panel.settings
    settings.threshold.value = 0.4
    settings.tile.value = 128
    assert segment_panel.chosen() == SegmentOptions(threshold=0.4, tile=128)
    settings.threshold.value = settings.tile.value = None
    assert segment_panel.chosen() == SegmentOptions()


def test_what_was_tried_in_segment_is_used_in_batch_and_the_other_way_round(segment_panel, viewer):
    segment_panel.settings.smallest.value = 25
    batch = BatchDock(viewer)
    viewer.window.add_dock_widget(batch, name="Batch")
    assert batch.chosen().smallest == 25
    batch.settings.separation.value = 0.7
    assert segment_panel.chosen() == batch.chosen() == SegmentOptions(smallest=25, separation=0.7)
    # the threshold of another model means something else
    batch.settings.threshold.value = 0.9
    session = segment_panel.session
    session.model_changed.emit(small_model(threshold=0.3))
    assert segment_panel.chosen() == batch.chosen() == SegmentOptions(smallest=25, separation=0.7)
    assert segment_panel.settings.threshold.automatic == 0.3


def test_options_without_effect_on_a_model_say_why(segment_panel):
    settings, session = segment_panel.settings, segment_panel.session
    classes, config = ("background", "nucleus"), {"out_channels": 2}
    session.model_changed.emit(small_model(activation="softmax", classes=classes, config=config))
    assert not settings.threshold.enabled
    assert "No effect" in settings.threshold.tooltip
    assert not settings.separation.enabled
    settings.threshold.value = 0.4
    assert segment_panel.chosen().threshold == 0.4, "kept for another model"
    session.model_changed.emit(small_model())
    assert settings.threshold.enabled
