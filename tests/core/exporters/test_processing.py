"""A normalisation written into a package is the same when it is read again, and told in words."""

from __future__ import annotations

import pytest
from networks import model_of

from napari_unet.core.errors import UserError
from napari_unet.core.exporters.credits import Credits
from napari_unet.core.exporters.processing import postprocessing, preprocessing
from napari_unet.core.exporters.sample import documentation
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers.descriptions import TensorDescription
from napari_unet.core.importers.processing import activation, normalization
from napari_unet.core.unet.config import UNetConfig

CONFIG = UNetConfig.classic(base=2, depth=1, out_channels=2)


def described(**fields):
    axes = [{"type": "batch"}, {"type": "channel", "channel_names": ["a", "b"]}]
    axes += [{"type": "space", "id": letter} for letter in "yx"]
    return TensorDescription.model_validate({"id": "raw", "axes": axes} | fields)


@pytest.mark.parametrize(
    "how",
    [
        Normalization(kind="linear"),
        Normalization(kind="linear", gain=(2.0,), offset=(1.0,), clip=(-1, 1)),
        Normalization(kind="linear", gain=(2.0, 3.0), offset=(1.0, 4.0)),
        Normalization(kind="zscore", epsilon=1e-4),
        Normalization(kind="zscore", scope="image", per_channel=False),
        Normalization(kind="percentile", low=2, high=99, clip=(0, 1)),
    ],
    ids=str,
)
def test_it_is_the_same_when_it_is_read_again(how):
    assert normalization(described(preprocessing=preprocessing(how, "YX"))) == how


def test_numbers_for_one_channel_or_all_are_written_for_each():
    how = Normalization(kind="linear", gain=(2.0, 3.0), offset=(1.0,))
    found = normalization(described(preprocessing=preprocessing(how, "YX")))
    assert (found.gain, found.offset) == ((2.0, 3.0), (1.0, 1.0))
    # a package has no "if any value exceeds 1"
    how = Normalization(kind="divide_255")
    found = normalization(described(preprocessing=preprocessing(how, "YX")))
    assert (found.kind, found.gain) == ("linear", (1 / 255,))


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "none"])
def test_the_activation_is_the_same_when_it_is_read_again(kind):
    spec = model_of(CONFIG, activation=kind).spec
    found = activation(described(postprocessing=postprocessing(spec)))
    assert (found or "none") == kind


def test_the_documentation_says_how_to_use_the_output():
    def text(**spec):
        return documentation(model_of(CONFIG, **spec).spec, Credits(authors=("A",)))

    assert "highest probability; the first is background" in text(activation="softmax")
    plain = text(
        activation="sigmoid",
        threshold=0.4,
        normalization=Normalization(kind="divide_255"),
        provenance={"origin": "trained here", "training": {"scores": "IoU 0.9"}},
        diameter=20.0,
    )
    assert "where its probability exceeds 0.4" in plain
    assert "the package divides them by 255" in plain
    assert "objects about 20 pixels wide" in plain
    assert "Scores on its validation set: IoU 0.9." in plain


def test_licences_and_citations_are_those_that_a_package_can_state():
    spec = model_of(CONFIG, authors=("B",), license="CC-BY-4.0 (the images)").spec
    assert Credits().completed(spec) == Credits(("B",), "CC-BY-4.0")
    with pytest.raises(UserError, match="This licence can't be stated"):
        Credits(license="as I like it").completed(spec)
    cited = Credits(("B",), citations=("Me 2020, 10.1038/abc", "by word of mouth")).fields()
    assert cited["cite"] == [{"text": "Me 2020", "doi": "10.1038/abc"}]
    assert "license" not in cited
