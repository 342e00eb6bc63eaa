"""What kind of image one is, and which networks suit it: real images and made-up ones."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.image.axes import Image
from napari_unet.core.model.spec import ModelSpec, Provenance
from napari_unet.core.suitability.appearance import Appearance, appearance_of
from napari_unet.core.suitability.match import kind_of, misfits
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.files.images import open_image
from napari_unet.services.library import Library
from napari_unet.services.suggestions import describe_misfit, suggest

REAL = {
    "nuclei-dsb2018/images": "nuclei-fluorescence",
    "phase-u373/stack.tif": "cells-phase",
    "em-isbi2012/volume.tif": "axons-em",
    "more/histology-tnbc/images": "nuclei-histology",
    "nuclei-3d/volume.tif": "nuclei-3d",
    "two-channel-3d/volume.tif": "nuclei-3d",
    "timelapse-hela/stack.tif": "nuclei-fluorescence",
}


def spec(ndim=2, channels=1, **others):
    config = UNetConfig.classic(ndim=ndim, in_channels=channels, base=4, depth=2)
    return ModelSpec(config=config, activation="sigmoid", **{"name": "mine", **others})


def bundled():
    return [entry for entry in Library().entries() if entry.bundled]


@pytest.mark.parametrize(("place", "wanted"), REAL.items())
def test_the_bundled_network_for_real_images_comes_first(shared_data, place, wanted):
    path = shared_data / place
    path = min(path.iterdir()) if path.is_dir() else path
    image = appearance_of(open_image(path))
    first, *_ = suggest(bundled(), image)
    assert first.entry.name == wanted
    assert describe_misfit([first], wanted, first.misfits) == ""


def test_for_a_kind_that_none_is_for_the_network_for_all_kinds_is_offered():
    image = Appearance("bright field", planes=1, channels=1)
    ranked = suggest(bundled(), image)
    assert ranked[0].entry.name == "everything"
    wrong = next(s for s in ranked if s.entry.name == "nuclei-fluorescence")
    told = describe_misfit(ranked, "nuclei-fluorescence", wrong.misfits)
    assert "“everything” suits this image better" in told
    assert "it looks like bright field, not fluorescence" in told


def test_a_network_for_another_kind_is_told_with_the_better_one():
    image = Appearance("phase contrast", planes=1, channels=1)
    ranked = suggest(bundled(), image)
    wrong = next(s for s in ranked if s.entry.name == "nuclei-fluorescence")
    told = describe_misfit(ranked, "nuclei-fluorescence", wrong.misfits)
    assert "it looks like phase contrast, not fluorescence" in told
    assert "“cells-phase” suits this image better" in told


def test_the_last_used_of_equals_comes_first():
    image = Appearance("fluorescence", planes=1, channels=1)
    assert suggest(bundled(), image, "nuclei-broad")[0].entry.name == "nuclei-broad"
    assert suggest(bundled(), image, "cells-phase")[0].entry.name == "nuclei-fluorescence"


@pytest.mark.parametrize(
    ("network", "image", "words"),
    [
        (spec(ndim=3), Appearance(None, 1, 1), "needs a volume"),
        (spec(), Appearance(None, 9, 1), "one plane at a time"),
        (spec(channels=2), Appearance(None, 1, 1), "needs 2 channels; the image has 1"),
    ],
)
def test_what_does_not_fit_is_named(network, image, words):
    (misfit,) = misfits(network, image)
    assert words in misfit.words


def test_what_was_recorded_counts_more_than_words():
    tuned = Provenance(training={"kind": "phase contrast"})
    assert kind_of(spec(description="Nuclei in fluorescence.")) == "fluorescence"
    assert (
        kind_of(spec(description="Nuclei in fluorescence.", provenance=tuned)) == "phase contrast"
    )
    assert kind_of(spec(description="Cells in phase contrast and fluorescence.")) is None
    assert kind_of(spec()) is None


@pytest.mark.parametrize(
    "data",
    [np.zeros((9, 9)), np.full((9, 9), np.nan), np.full((3, 9, 9), 7, np.uint16)],
    ids=["black", "no data", "one value"],
)
def test_an_image_of_one_value_is_of_no_kind(data):
    axes = "ZYX"[-data.ndim :]
    assert appearance_of(Image(data, axes)) == Appearance(
        None, len(data) if axes[0] == "Z" else 1, 1
    )


def test_pixels_without_data_do_not_count():
    rng = np.random.default_rng(0)
    cells = rng.normal(20, 2, (80, 80)).astype(np.float32)
    cells[20:40, 20:40] += 200
    masked = cells.copy()
    masked[:30] = -3.4e38
    masked[30:34] = np.nan
    assert appearance_of(Image(masked, "YX")).kind == appearance_of(Image(cells, "YX")).kind
    assert appearance_of(Image(cells, "YX")).kind == "fluorescence"
