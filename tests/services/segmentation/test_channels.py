"""Which channel a network sees: by name, never red in silence, and told."""

from __future__ import annotations

import numpy as np
import pytest
from networks import model_of

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.channels import channel_indices, common_channels
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

MODEL = model_of(
    UNetConfig.classic(base=2, depth=1), activation="sigmoid", normalization=Normalization()
)
BLUE = np.zeros((40, 50, 3), np.uint8)
BLUE[..., 2] = np.random.default_rng(0).integers(0, 250, (40, 50))


def probabilities(pixels, axes, **options):
    chosen = SegmentOptions(device="cpu", precision="float32", probabilities=True, **options)
    return finish(segment(Image(pixels, axes), MODEL, chosen))


def test_colours_are_seen_as_a_grey_image_would_be():
    coloured, grey = probabilities(BLUE, "YXS"), probabilities(BLUE[..., 2], "YX")
    np.testing.assert_allclose(coloured.probabilities, grey.probabilities, atol=1e-4)
    assert coloured.record["channels"] == ["luminance"]
    assert "seen as luminance" in coloured.reading_notes[0]
    assert grey.reading_notes == []


@pytest.mark.parametrize(("name", "index"), [("red", 0), ("blue", 2), ("2", 2)])
def test_a_colour_is_chosen_by_name(name, index):
    chosen = probabilities(BLUE, "YXS", channels=(name,))
    plain = probabilities(np.ascontiguousarray(BLUE[..., index]), "YX")
    np.testing.assert_array_equal(chosen.probabilities, plain.probabilities)
    assert chosen.reading_notes == []


def test_the_first_of_several_channels_is_told():
    image = Image(np.zeros((3, 20, 30)), "CYX", channel_names=("GFP", "DAPI", "Cy5"))
    result = finish(segment(image, MODEL, SegmentOptions(device="cpu")))
    assert result.reading_notes == ["Of 3 channels, the U-Net saw channel GFP."]
    assert channel_indices(image, MODEL.spec, ("DAPI",)) == (1,)
    with pytest.raises(UserError, match="no channel 'luminance': its channels are GFP, DAPI, Cy5"):
        channel_indices(image, MODEL.spec, ("luminance",))


def test_images_trained_on_together_are_seen_alike():
    stained = np.full((40, 50, 3), (225, 150, 190), np.uint8)
    images = [Image(BLUE, "YXS"), Image(stained, "YXS")]
    assert common_channels(images, MODEL.spec) == channel_indices(images[0], MODEL.spec)
