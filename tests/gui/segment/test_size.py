"""The diameter in *Segment*: estimated, shown as a disc, set, and kept with its image."""

from __future__ import annotations

import numpy as np
import pytest
from discs import discs
from gui_kit import SECONDS, finish_job, said, small_model
from napari.layers import Labels, Shapes
from windowless import batch_panel as batch_panel
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import segment_panel as segment_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.model.file import load_model
from napari_unet.gui.layers.diameter import KeptDiameter, kept_diameter
from napari_unet.gui.project.layers import kept
from napari_unet.services.library import bundled_folder


@pytest.fixture
def nuclei(segment_panel, viewer):
    """The panel with an image of discs and a network that finds them."""
    viewer.add_image(discs(60, 200).data, name="cells", scale=(0.5, 0.5), translate=(3, 4))
    segment_panel.session.use(load_model(bundled_folder() / "nuclei-fluorescence.safetensors"))
    return segment_panel


def disc_of(viewer):
    return next((layer for layer in viewer.layers if isinstance(layer, Shapes)), None)


def test_a_run_estimates_the_diameter_and_keeps_it_with_the_image(nuclei, viewer, qtbot):
    nuclei.segment_button.click()
    finish_job(nuclei, qtbot)
    source = viewer.layers["cells"]
    found = kept_diameter(source)
    assert found.pixels == pytest.approx(60, rel=0.2)
    assert not found.chosen
    assert "Diameter estimated" in said(nuclei)
    record = next(x for x in viewer.layers if isinstance(x, Labels)).metadata["napari_unet"]
    assert record["diameter"]["pixels"] == pytest.approx(found.pixels, abs=0.01)
    assert record["rescaled_shape"]
    box = nuclei.settings.diameter
    assert box.value is None
    words = f"estimated: {found.pixels:.3g} px"
    qtbot.waitUntil(lambda: box.native.text() == words, timeout=SECONDS)


def test_the_disc_shows_the_size_and_sets_it_when_it_is_dragged(nuclei, viewer, qtbot):
    nuclei.size.show_button.click()
    finish_job(nuclei, qtbot)
    disc = disc_of(viewer)
    assert np.ptp(disc.data[0][:, 1]) == pytest.approx(60, rel=0.2)
    assert np.array_equal(disc.scale, viewer.layers["cells"].scale)
    assert nuclei.settings.diameter.value is None
    middle = disc.data[0].mean(axis=0)
    disc.data = [middle + (disc.data[0] - middle) * 0.5]
    chosen = nuclei.settings.diameter.value
    assert chosen == pytest.approx(30, rel=0.2)
    assert kept_diameter(viewer.layers["cells"]) == KeptDiameter(chosen, chosen=True)
    assert nuclei.chosen().diameter == chosen
    # a number that is typed moves the disc
    nuclei.settings.diameter.value = 44
    assert np.ptp(disc.data[0][:, 0]) == pytest.approx(44, abs=0.2)
    # moved as a whole, it means the same
    disc.data = [disc.data[0] + 5]
    assert nuclei.settings.diameter.value == 44
    nuclei.size.show_button.click()
    assert disc_of(viewer) is disc, "no second one"
    viewer.layers.remove(disc)
    nuclei.settings.diameter.value = 50


def test_each_image_has_its_own_and_a_project_keeps_it_without_the_disc(nuclei, viewer):
    nuclei.settings.diameter.value = 33
    other = viewer.add_image(np.zeros((40, 50), np.uint8), name="other")
    nuclei.image.layers.value = other
    assert nuclei.settings.diameter.value is None
    nuclei.settings.diameter.value = 12
    nuclei.image.layers.value = viewer.layers["cells"]
    assert nuclei.settings.diameter.value == 33
    nuclei.size.show_button.click()
    notes = {note.name: note for note, _ in kept(viewer.layers)}
    assert set(notes) == {"cells", "other"}
    assert notes["other"].metadata["napari_unet_diameter"] == {"pixels": 12.0, "chosen": True}


def test_batch_takes_the_same_diameter(nuclei, batch_panel):
    nuclei.settings.diameter.value = 33
    assert batch_panel.chosen().diameter == 33


def test_a_network_without_a_diameter_says_where_to_state_one(segment_panel, viewer):
    viewer.add_image(discs(20, 60).data, name="cells")
    segment_panel.session.use(small_model())
    assert not segment_panel.settings.diameter.enabled
    segment_panel.size.show_button.click()
    assert "must state the diameter" in said(segment_panel)


def test_much_work_is_told_in_the_words_of_the_window(nuclei, viewer, qtbot):
    told = []
    nuclei.session.jobs.reported.connect(told.append)
    nuclei.settings.diameter.value = 4
    nuclei.preview_button.click()
    finish_job(nuclei, qtbot)
    assert any("Diameter 9.7 makes it 4 times" in words for words in told)
