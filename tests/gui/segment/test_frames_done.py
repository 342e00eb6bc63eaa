"""A run that was stopped says what is done of it, and what is not done can't be marked as checked."""

from __future__ import annotations

import numpy as np
import pytest
from gui_kit import SECONDS, finish_job, random_image, said
from windowless import annotate_panel as annotate_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import models_panel as models_panel
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.image.axes import Image
from napari_unet.gui.segment.frames_done import FramesDone


def test_frames_count_once_all_of_them_is_written():
    image = Image(np.zeros((3, 8, 10)), "ZYX")
    done = FramesDone(image, "YX", twice=False)
    done.add((1, slice(0, 4), slice(0, 10)), 40)
    assert str(done) == "Cancelled: 0 of 3 planes are done, the others are not."
    done.add((1, slice(4, 8), slice(0, 10)), 40)
    assert done.done == [[1]]
    assert "1 of 3 planes" in str(done)


def test_objects_count_once_they_are_numbered():
    done = FramesDone(Image(np.zeros((2, 4, 8, 10)), "TZYX"), "ZYX", twice=True)
    volume = slice(1, 2), slice(0, 4), slice(0, 8), slice(0, 10)
    done.add(volume, 320)
    assert done.done == []
    done.add(volume, 320)
    assert "1 of 2 time points are done" in str(done)


def test_a_single_plane_is_done_or_not():
    done = FramesDone(Image(np.zeros((8, 10)), "YX"), "YX", twice=False)
    assert str(done) == "Cancelled. What is seen is a part."


@pytest.fixture
def stopped(segment_panel, viewer, qtbot, monkeypatch):
    """The panel, and the result of a run over six planes that was stopped after two."""
    viewer.add_image(random_image(6, 40, 50), name="stack")
    viewer.dims.set_current_step(0, 0)
    add = FramesDone.add

    def add_and_stop(frames, *block):
        add(frames, *block)
        if len(frames.done) == 2:
            segment_panel.foot.cancel.click()

    monkeypatch.setattr(FramesDone, "add", add_and_stop)
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    return segment_panel, viewer.layers["stack labels"]


def test_what_is_done_is_said_and_the_rest_is_not_checked(stopped, annotate_panel, viewer):
    panel, labels = stopped
    done = [at for (at,) in labels.metadata["napari_unet"]["done"]]
    assert 2 <= len(done) < 6
    assert f"Cancelled: {len(done)} of 6" in said(panel)
    annotate_panel.source.result.choose(labels)
    annotate_panel.source.correct_button.click()
    left = next(i for i in range(6) if i not in done)
    viewer.dims.set_current_step(0, left)
    annotate_panel.checks.plane_button.click()
    assert "This plane was not segmented" in said(annotate_panel)
    viewer.dims.set_current_step(0, done[0])
    annotate_panel.checks.plane_button.click()
    assert "marked as checked" in said(annotate_panel)


def test_what_is_said_goes_with_its_image(segment_panel, viewer, qtbot):
    cells = viewer.add_image(random_image(40, 50), name="cells")
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    qtbot.waitUntil(lambda: "Done in" in said(segment_panel), timeout=SECONDS)
    other = viewer.add_image(random_image(40, 50), name="other")
    segment_panel.image.layers.choose(other)
    assert "Done in" not in said(segment_panel)
    segment_panel.image.layers.choose(cells)
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    viewer.layers.remove(cells)
    assert "Done in" not in said(segment_panel)


def test_a_result_replaces_the_preview_of_its_image(segment_panel, viewer, qtbot):
    viewer.add_image(random_image(40, 50), name="cells")
    segment_panel.preview_button.click()
    finish_job(segment_panel, qtbot)
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells labels"]


def test_batch_has_the_settings_of_segment(segment_panel, session, viewer, dock):
    from napari_unet.gui.batch.panel import BatchPanel

    segment_panel.settings.threshold.value = 0.7
    batch = dock(BatchPanel(viewer, session))
    assert batch.settings.threshold.value == 0.7
    batch.settings.smallest.value = 33
    assert segment_panel.settings.smallest.value == 33


def test_models_and_images_are_named_for_what_they_are(session, models_panel, qtbot, tmp_path):
    import tifffile

    from napari_unet.core.errors import UserError
    from napari_unet.services.files.images import open_image

    tifffile.imwrite(tmp_path / "cells.tif", np.zeros((8, 8), np.uint8))
    models_panel.load_text(str(tmp_path / "cells.tif"))
    finish_job(models_panel, qtbot)
    assert "an image" in said(models_panel)
    assert "choose a U-Net to segment it with" in said(models_panel)
    with pytest.raises(UserError, match="is no image but a U-Net"):
        open_image(tmp_path / "mine.safetensors")
