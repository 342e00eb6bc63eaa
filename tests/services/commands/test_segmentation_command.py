"""The command that repeats a run."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from networks import model_of, random_image
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.progress import finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.commands.segmentation import segment_command, segment_words
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

OPTIONS = st.builds(
    SegmentOptions,
    channels=st.one_of(st.none(), st.tuples(st.integers(0, 9), st.sampled_from(["DAPI", "a b"]))),
    normalization=st.one_of(
        st.none(), st.builds(Normalization, kind=st.sampled_from(["zscore", "linear"]))
    ),
    rescale=st.booleans(),
    pixel_size=st.one_of(st.none(), st.floats(1e-3, 1e3)),
    threshold=st.one_of(st.none(), st.floats(0, 1)),
    objects=st.sampled_from([None, True, False]),
    separation=st.one_of(st.none(), st.floats(0, 1)),
    smallest=st.one_of(st.none(), st.floats(0, 1e6)),
    fill_holes=st.booleans(),
    mirror=st.booleans(),
    device=st.sampled_from(["auto", "cpu"]),
    precision=st.sampled_from(["auto", "float32"]),
    tile=st.one_of(st.none(), st.integers(1, 5000)),
    memory=st.one_of(st.none(), st.floats(0.1, 100)),
)


class _ReachedError(Exception):
    def __init__(self, options: SegmentOptions, axes: str | None) -> None:
        super().__init__()
        self.told = options, axes


@given(options=OPTIONS, axes=st.sampled_from([None, "ZYX"]))
def test_the_command_line_understands_every_option_as_it_was(options, axes):
    def reach(_tasks, _model, options, *, axes, **_):
        raise _ReachedError(options, axes)

    words = segment_words(Path("a b.tif"), Path("out.tif"), "some", options, axes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_unet.services.segmentation.batch.segment_files", reach)
        patch.setattr(
            "napari_unet.services.files.images.find_images", lambda given: [Path(given[0])]
        )
        patch.setattr("napari_unet.services.library.Library.load", lambda *_: (step for step in ()))
        result = CliRunner().invoke(app, words[1:])
    assert isinstance(result.exception, _ReachedError), result.output
    assert result.exception.told == (options, axes)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "my model.safetensors"
    config = UNetConfig.classic(base=2, depth=2)
    save_model(model_of(config, activation="sigmoid", pixel_size=(0.5, 0.5)), path)
    return path


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some cells.tif"
    pixels = random_image((3, 40, 50))
    tifffile.imwrite(path, pixels, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    return path


@pytest.mark.parametrize(
    ("axes", "scale", "unit", "changes"),
    [
        ("ZYX", {"Y": 0.25, "X": 0.25}, "micrometer", {}),
        ("ZYX", {}, "pixel", {}),
        ("ZYX", {}, "pixel", {"pixel_size": 0.25}),
        ("TYX", {}, "pixel", {"threshold": 0.6, "objects": True, "tile": 64}),
    ],
)
def test_it_gives_the_same_labels(model, file, axes, scale, unit, changes):
    image = Image(tifffile.imread(file), axes, scale, unit)
    options = SegmentOptions(precision="float32", **changes)
    there = finish(segment(image, load_model(model), options))
    rescaled = bool(there.record["rescaled_shape"])
    assert rescaled == (unit == "micrometer" or "pixel_size" in changes)
    line = segment_command(image, file, str(model), options, rescaled=rescaled)
    program, *words = shlex.split(line)
    assert program == "napari-unet"
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    made = tifffile.imread(file.with_name("some cells-labels.tif"))
    assert np.array_equal(made, there.labels)


def test_what_no_command_can_tell_is_refused(model, file, tmp_path):
    image = Image(tifffile.imread(file), "ZYX")

    def refuse(why, image=image, path=file, name=str(model), rescaled=False, **changes):
        with pytest.raises(UserError, match="No command") as error:
            segment_command(image, path, name, SegmentOptions(**changes), rescaled=rescaled)
        assert why in str(error.value)

    refuse("not opened from a file", path=None)
    refuse("not opened from a file", path=tmp_path / "gone.tif")
    refuse("not saved", name="")
    refuse("another image", image=Image(image.data[:2], "ZYX"))
    refuse("another pixel size", smallest=3.0)
    refuse("another pixel size", rescaled=True)
    refuse("values of its own", normalization=Normalization(kind="percentile", low=3))
