"""Segmenting images: what the user gets, and what is refused."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import tifffile
import torch
from networks import model_of, random_image
from torch.nn import functional

from napari_unet.core.engines import torch_engine
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers import load_foreign
from napari_unet.core.progress import Progress, finish
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.prepare import prepare
from napari_unet.services.segmentation.segment import segment, segment_prepared
from napari_unet.services.segmentation.writers import TileDone

SMALL = UNetConfig.classic(base=2, depth=2)
EXACT = SegmentOptions(device="cpu", precision="float32")


def options(**changes):
    return EXACT.model_copy(update=changes)


@pytest.fixture(scope="module")
def nuclei(shared_data):
    return load_foreign(shared_data / "networks" / "unet2d_nuclei_broad")


def test_the_foreign_network_gives_its_test_output(nuclei, shared_data):
    folder = shared_data / "networks" / "unet2d_nuclei_broad"
    given = np.load(folder / "test_input.npy")[0, 0]
    expected = np.load(folder / "test_output.npy")[0]
    for tile in (None, 200):
        chosen = options(probabilities=True, tile=tile)
        found = finish(segment(Image(given, "YX"), nuclei, chosen))
        assert np.abs(found.probabilities - expected).max() <= 1e-4
        assert ((expected[0] > 0.5) == (found.labels > 0)).mean() > 0.9999


def test_foreground_matches_the_same_weights_in_plain_torch(nuclei, shared_data):
    """The third party's weights, run without any of our code, on real images with real labels."""
    folder = shared_data / "networks" / "unet2d_nuclei_broad"
    weights = torch.load(folder / "unet2d_nuclei_broad_weights.torch", weights_only=True)
    images = sorted((shared_data / "nuclei-dsb2018" / "images").glob("*.tif"))[::120]
    ours, plain = [], []
    for path in images:
        pixels = tifffile.imread(path)[:256, :256]
        truth = tifffile.imread(path.parent.parent / "masks" / path.name)[:256, :256] > 0
        found = finish(segment(Image(pixels, "YX"), nuclei, options(tile=128, rescale=False)))
        found = found.labels > 0
        reference = _plain_forward(weights, pixels) > 0.5
        assert (found != reference).mean() < 1e-4
        ours.append(_iou(found, truth))
        plain.append(_iou(reference, truth))
    assert np.mean(ours) == pytest.approx(np.mean(plain), abs=1e-3)
    assert np.mean(ours) > 0.6


def _iou(found, truth):
    return (found & truth).sum() / max((found | truth).sum(), 1)


def _plain_forward(weights, pixels):
    x = pixels.astype(np.float64)
    x = torch.from_numpy((x - x.mean()) / (x.std() + 1e-6)).float()[None, None]

    def block(x, name):
        for i in (0, 1):
            x = functional.conv2d(
                x, weights[f"{name}.{i}.weight"], weights[f"{name}.{i}.bias"], padding=1
            )
        return functional.relu(x)

    skips = []
    for i in range(3):
        x = block(x, f"encoders.{i}")
        skips.append(x)
        x = functional.max_pool2d(x, 2)
    x = block(x, "base")
    for i in range(3):
        x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        name = f"upsamplers.{i}.1"
        x = functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
        x = block(torch.cat([skips.pop(), x], dim=1), f"decoders.{i}")
    x = functional.conv2d(x, weights["output.weight"], weights["output.bias"])
    return x.sigmoid()[0, 0].numpy()


@pytest.mark.parametrize(
    ("axes", "ndim"),
    [
        *(("YX", 2), ("TYX", 2), ("ZCYX", 2), ("TZCYX", 2), ("YXC", 2), ("XYZ", 2)),
        *(("ZYX", 3), ("TZYX", 3), ("CZYX", 3), ("YXZT", 3), ("QTZCYX", 3)),
    ],
)
def test_every_plane_or_volume_is_segmented_by_itself(axes, ndim):
    sizes = {"Q": 2, "T": 2, "C": 3, "Z": 5, "Y": 21, "X": 17}
    array = random_image(tuple(sizes[a] for a in axes))
    config = UNetConfig.classic(ndim=ndim, base=2, depth=1, out_channels=3)
    spec = {"activation": "softmax", "normalization": Normalization(kind="zscore")}
    model = model_of(config, **spec)
    channels = (2,) if "C" in axes else None
    result = finish(segment(Image(array, axes), model, options(channels=channels)))
    label_axes = axes.replace("C", "")
    assert result.axes == label_axes
    assert result.labels.shape == tuple(sizes[a] for a in label_axes)
    # one plane or volume alone, in canonical order, gives the same
    index = {a: sizes[a] - 1 for a in label_axes if a not in "ZYX"[-ndim:]}
    key = tuple(index.get(a, 2 if a == "C" else slice(None)) for a in axes)
    left = [a for a in axes if a not in index and a != "C"]
    alone = array[key].transpose([left.index(a) for a in "ZYX"[-ndim:]])
    expected = finish(segment(Image(alone, "ZYX"[-ndim:]), model, EXACT)).labels
    got = result.labels[tuple(index.get(a, slice(None)) for a in label_axes)]
    assert (got.transpose([left.index(a) for a in "ZYX"[-ndim:]]) == expected).all()


def test_tiles_arrive_once_and_add_up_to_the_result():
    model = model_of(SMALL, activation="sigmoid")
    image = Image(random_image((3, 150, 130)), "ZYX")
    seen = np.full(image.label_shape, 255, np.uint8)
    job, last = segment(image, model, options(tile=72)), 0.0
    while True:
        try:
            progress = next(job)
        except StopIteration as stop:
            result = stop.value
            break
        assert isinstance(progress, Progress)
        assert last <= progress.fraction <= 1
        last = progress.fraction
        if isinstance(progress, TileDone):
            assert (seen[progress.where] == 255).all()
            seen[progress.where] = progress.labels
    assert last == 1
    assert (seen == result.labels).all()
    assert result.record["model"] == "test"


@pytest.mark.parametrize("scope", ["frame", "image"])
def test_a_region_is_that_of_the_whole_image(scope):
    normalization = Normalization(kind="percentile", scope=scope)
    model = model_of(SMALL, activation="sigmoid", normalization=normalization)
    # each frame is brighter than the one before
    brightness = np.arange(1, 5)[:, None, None]
    image = Image(random_image((4, 120, 130)) // 4 * brightness, "TYX")
    how = EXACT.model_copy(update={"probabilities": True})
    whole = finish(segment(image, model, how))
    region = (slice(2, 3), slice(30, 77), slice(100, 130))
    part = finish(segment(image, model, how, region=region))
    assert (part.labels[region] == whole.labels[region]).all()
    inside = (slice(None), *region)
    assert np.allclose(part.probabilities[inside], whole.probabilities[inside], atol=1e-5)
    part.labels[region] = 0
    assert not part.labels.any()


def test_cancelling_leaves_the_finished_tiles_in_the_output():
    model = model_of(SMALL, activation="sigmoid")
    image = Image(random_image((200, 200)), "YX")
    out = np.full(image.label_shape, 9, np.uint8)
    job = segment(image, model, options(tile=72), out=out)
    for progress in job:
        if isinstance(progress, TileDone):
            break
    job.close()
    assert (out[progress.where] != 9).all()
    assert (out == 9).any()
    assert not torch.is_inference_mode_enabled()


def test_output_can_go_to_zarr(tmp_path):
    import zarr

    model = model_of(SMALL, activation="sigmoid")
    image = Image(random_image((3, 90, 80)), "ZYX")
    shape = image.label_shape
    store = zarr.create_array(tmp_path / "l.zarr", shape=shape, chunks=(1, 64, 64), dtype="u1")
    finish(segment(image, model, EXACT, out=store))
    assert (store[:] == finish(segment(image, model, EXACT)).labels).all()


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_labels_follow_from_the_probabilities(activation):
    config = UNetConfig.classic(base=2, depth=1, out_channels=3)
    model = model_of(config, activation=activation)
    chosen = options(probabilities=True, threshold=0.7)
    result = finish(segment(Image(random_image((40, 40)), "YX"), model, chosen))
    maps = result.probabilities
    assert maps.shape == (3, 40, 40)
    assert maps.min() >= 0
    assert maps.max() <= 1
    best = maps.argmax(axis=0)
    expected = best if activation == "softmax" else np.where(maps.max(axis=0) > 0.7, best + 1, 0)
    assert (result.labels == expected).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (3, 2), (7, 7)])
@pytest.mark.parametrize("kind", ["zscore", "percentile", "divide_255"])
def test_tiny_and_constant_images_work(shape, kind):
    model = model_of(SMALL, activation="sigmoid", normalization=Normalization(kind=kind))
    for pixels in (random_image(shape), np.full(shape, 7, np.uint16), np.zeros(shape, bool)):
        assert finish(segment(Image(pixels, "YX"), model, EXACT)).labels.shape == shape


def _bad_inputs():
    flat = random_image((30, 30))
    three = UNetConfig.classic(base=2, depth=1, in_channels=3)
    deep = UNetConfig.classic(base=2, depth=1, ndim=3)
    yield "too few channels", lambda: Image(flat, "YX"), three, EXACT, "takes 3"
    yield "3-D model", lambda: Image(flat, "YX"), deep, EXACT, "no Z axis"
    yield "empty", lambda: Image(np.zeros((0, 5)), "YX"), SMALL, EXACT, "empty"
    yield "axes", lambda: Image(flat, "ZYX"), SMALL, EXACT, "do not fit"
    yield "no X", lambda: Image(flat, "ZY"), SMALL, EXACT, "can't be used"
    yield "channel", lambda: Image(flat, "YX"), SMALL, options(channels=(4,)), "no channel 4"
    yield "name", lambda: Image(flat, "YX"), SMALL, options(channels=("DAPI",)), "no channel 'DAPI'"
    wide = UNetConfig.classic(base=2, depth=4)
    large = lambda: Image(random_image((300, 300)), "YX")  # noqa: E731
    yield "tile", large, wide, options(tile=50), "too small"


@pytest.mark.parametrize("case", list(_bad_inputs()), ids=lambda case: case[0])
@pytest.mark.parametrize("kind", ["linear", "zscore", "percentile"])
def test_bad_input_is_refused_with_a_remedy(case, kind):
    _, image, config, chosen, message = case
    with pytest.raises(UserError, match=message) as met:
        finish(segment(image(), model_of(config, normalization=Normalization(kind=kind)), chosen))
    assert met.value.rule
    assert met.value.remedy


@pytest.mark.parametrize(
    ("message", "changes", "arguments"),
    [
        ("no channel 4", {"channels": (4,)}, {}),
        ("too small", {"tile": 4}, {}),
        ("float16", {"precision": "float16"}, {}),
        ("nothing to segment", {}, {"region": (slice(40, 50), slice(0, 9))}),
        ("too narrow", {"objects": True}, {"out": np.zeros((30, 30), np.uint8)}),
    ],
)
def test_arguments_are_checked_at_the_call(message, changes, arguments):
    image, model = Image(random_image((30, 30)), "YX"), model_of(SMALL, activation="sigmoid")
    with pytest.raises(UserError, match=message):
        segment(image, model, options(**changes), **arguments)


def test_the_network_is_copied_when_the_run_starts_and_once_for_all_its_parts(monkeypatch):
    copies = []
    monkeypatch.setattr(
        torch_engine, "fuse_batch_norm", lambda network: copies.append(network) or deepcopy(network)
    )
    image, model = Image(random_image((3, 30, 30)), "ZYX"), model_of(SMALL, activation="sigmoid")
    run = prepare(image, model, EXACT)
    assert "tile" in str(run.plan)
    assert not copies
    first = finish(segment_prepared(run.within((slice(1, 2), slice(0, 30), slice(0, 30)))))
    whole = finish(segment_prepared(run))
    assert len(copies) == 1
    assert (first.labels[1] == whole.labels[1]).all()
    assert not first.labels[[0, 2]].any()


def test_weights_that_are_no_numbers_are_refused():
    model = model_of(SMALL)
    model.network.head.bias.data[:] = torch.nan
    with pytest.raises(UserError, match="gives values that are not numbers"):
        finish(segment(Image(random_image((30, 30)), "YX"), model, EXACT))


def test_bfloat16_is_close():
    model = model_of(UNetConfig.classic(base=4, depth=3), activation="sigmoid")
    image = Image(random_image((130, 120)), "YX")
    exact = finish(segment(image, model, options(probabilities=True)))
    fast = finish(segment(image, model, options(probabilities=True, precision="bfloat16")))
    assert np.abs(exact.probabilities - fast.probabilities).max() < 0.1
    assert fast.record["precision"] == "bfloat16"


def test_the_plan_says_what_the_run_does():
    model = model_of(UNetConfig.classic(base=4, depth=4))
    image = Image(random_image((2, 900, 800)), "TYX")
    made = prepare(image, model, options(memory=0.02)).plan
    assert made.n_tiles > 2
    assert made.memory <= 0.02 * 2**30
    assert made.exact
    assert f"{made.n_tiles} tiles" in str(made)
    count = sum(isinstance(p, TileDone) for p in segment(image, model, options(memory=0.02)))
    assert count == made.n_tiles
