"""Which patches are drawn, and what is in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.annotations.annotation import IGNORE, Annotation
from napari_unet.core.annotations.holdout import hold_out
from napari_unet.core.annotations.inspection import inspect_annotations
from napari_unet.core.annotations.regions import Region
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import Frame
from napari_unet.core.progress import finish
from napari_unet.core.sampling.patches import Patch, index_patches

ONE = {1: "nucleus"}


def truths_of(*annotations, names=ONE):
    return finish(inspect_annotations(annotations, names)).truths


def sampler_of(truths, shape=(16, 16), margin=None, spatial=None, channels=(0,), seed=0):
    return finish(
        index_patches(
            truths,
            spatial=spatial or "ZYX"[3 - len(shape) :],
            channels=channels,
            shape=shape,
            margin=margin or (0,) * len(shape),
            seed=seed,
        )
    )


def scribbles(shape, axes="YX", strokes=(), **others):
    paint = np.zeros(shape, np.uint8)
    for where, value in strokes:
        paint[where] = value
    pixels = np.arange(paint.size, dtype=np.uint32).reshape(shape)
    return Annotation(Image(pixels, axes), paint, "scribbles", **others)


@examples(200)
@given(data=st.data(), ndim=st.sampled_from((2, 3)))
def test_a_window_is_mirrored_and_unlabelled_beyond_the_image(data, ndim):
    size = tuple(data.draw(st.integers(1, 12)) for _ in range(ndim))
    shape = tuple(data.draw(st.integers(1, 20)) for _ in range(ndim))
    start = tuple(data.draw(st.integers(1 - n, s - 1)) for n, s in zip(shape, size))
    rng = np.random.default_rng(0)
    axes = "ZYX"[3 - ndim :]
    paint = rng.integers(1, 3, size)
    annotation = Annotation(Image(rng.integers(0, 99, size), axes), paint, "scribbles")
    (truth,) = truths_of(annotation)
    patch = Patch(truth, Frame(annotation.image, {}, (0,), axes), (0,), start, shape)
    reach = [(40, 40)] * ndim
    whole = annotation.image.data
    for axis in range(ndim):
        mode = "reflect" if size[axis] > 1 else "edge"
        whole = np.pad(whole, [reach[a] if a == axis else (0, 0) for a in range(ndim)], mode)
    known = np.pad(paint - 1, reach, constant_values=IGNORE)
    window = tuple(slice(40 + s, 40 + s + n) for s, n in zip(start, shape))
    assert (patch.image()[0] == whole[window]).all()
    assert (patch.labels() == known[window]).all()


@examples(150)
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    shape=st.tuples(st.integers(1, 32), st.integers(1, 32)),
    margin=st.integers(0, 9),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    step=st.integers(0, 1000),
)
def test_the_inner_part_holds_a_labelled_pixel_and_stays_in_the_image(
    size, shape, margin, place, step
):
    pixel = tuple(int(p * (n - 1)) for p, n in zip(place, size))
    truths = truths_of(scribbles(size, strokes=[(pixel, 2)]))
    patch = sampler_of(truths, shape, (margin, margin)).draw(step, 0)
    assert patch.shape == tuple(n + 2 * margin for n in shape)
    inner = [s + margin for s in patch.start]
    labels = patch.labels()[tuple(slice(margin, margin + n) for n in shape)]
    assert (labels == 1).sum() == 1
    for first, n, whole in zip(inner, shape, size):
        assert max(n - whole, 0) >= -first >= min(0, n - whole)


def test_drawing_depends_on_seed_step_and_sample_only():
    truths = truths_of(scribbles((90, 90), strokes=[(slice(20, 40), 1), (slice(60, 70), 2)]))
    drawn = [
        sampler_of(truths, seed=5).draw(step, sample).start
        for step in range(9)
        for sample in (0, 1)
    ]
    again = sampler_of(truths, seed=5)
    assert [again.draw(step, sample).start for step in range(9) for sample in (0, 1)] == drawn
    assert again.draw(8, 1).start == drawn[-1]
    assert len(set(drawn)) > 15
    assert sampler_of(truths, seed=6).draw(8, 1).start != drawn[-1]
    smaller = replace(again, shape=(8, 8), margin=(2, 2)).draw(3, 0)
    assert smaller.shape == (12, 12)


def test_rare_classes_are_drawn_more_often_than_their_share():
    truths = truths_of(
        scribbles((200, 200), strokes=[(slice(0, 150), 1), ((180, slice(0, 20)), 2)])
    )
    sampler = sampler_of(truths, (8, 8))
    rare = [(sampler.draw(step, 0).labels() == 1).any() for step in range(400)]
    assert truths[0].pixels[1] / truths[0].pixels[0] < 0.001
    assert 0.08 < np.mean(rare) < 0.4


def test_a_few_strokes_are_not_lost_beside_a_densely_labelled_image():
    dense = Annotation(
        Image(np.zeros((256, 256), np.uint8), "YX"), np.eye(256, dtype=np.uint8), "classes"
    )
    sparse = scribbles((256, 256), strokes=[((9, slice(0, 30)), 1), ((50, slice(0, 30)), 2)])
    sampler = sampler_of(truths_of(dense, sparse), (32, 32))
    numbers = [sampler.draw(step, 0).source[0] for step in range(300)]
    assert 0.03 < np.mean(numbers) < 0.6


def test_what_is_held_out_is_neither_a_centre_nor_a_label():
    strokes = [((4 * i, slice(5, 30)), 1 + i % 2) for i in range(1, 21)]
    truths = truths_of(scribbles((96, 96), strokes=strokes))
    held = finish(hold_out(truths, fraction=0.4))
    truth = held.truths[0]
    frame = truth.annotation.plane(())
    aside = truth.validation(frame, (slice(0, 96), slice(0, 96))) != IGNORE
    assert aside.sum() in [n * 25 for n in range(4, 13)]
    sampler = sampler_of(held.truths, (16, 16))
    for centres in sampler.centres:
        for pixels in centres.pixels:
            assert not aside[tuple(pixels.T)].any()
    for step in range(30):
        patch = sampler.draw(step, 0)
        window = tuple(slice(s, s + n) for s, n in zip(patch.start, patch.shape))
        assert (patch.labels()[aside[window]] == IGNORE).all()


def test_planes_time_points_channels_and_volumes():
    shape = (2, 3, 5, 24, 24)
    image = Image(np.arange(np.prod(shape), dtype=np.uint32).reshape(shape), "CTZYX")
    paint = np.zeros(shape[1:], np.uint8)
    paint[1, 3, 4:9, 4:9] = 2
    truths = truths_of(Annotation(image, paint, "scribbles"))
    flat = sampler_of(truths, (8, 8), channels=(1, 0)).draw(0, 0)
    assert (flat.source, dict(flat.frame.index)) == ((0, 1, 3), {"T": 1, "Z": 3})
    window = tuple(slice(s, s + 8) for s in flat.start)
    assert (flat.image() == image.data[(slice(None, None, -1), 1, 3, *window)]).all()
    deep = sampler_of(truths, (4, 8, 8), channels=(0,)).draw(0, 0)
    assert deep.source == (0, 1)
    assert deep.labels().shape == (4, 8, 8)
    assert (deep.labels() == 1).any()
    window = tuple(slice(s, s + n) for s, n in zip(deep.start, deep.shape))
    assert (deep.image()[0] == image.data[(0, 1, *window)]).all()


def test_dense_labels_are_remembered_in_little_memory():
    paint = np.zeros((40, 256, 256), np.uint8)
    paint[:, ::2] = 1
    image = Image(paint, "ZYX")
    sampler = sampler_of(truths_of(Annotation(image, paint, "classes")))
    for centres in sampler.centres:
        assert sum(map(len, centres.pixels)) <= 1 << 18
        assert centres.total == paint.size // 2
        for (_, key), pixels in zip(centres.planes, centres.pixels):
            assert len(set(paint[key][tuple(pixels.T)])) == 1


def test_what_cannot_be_sampled_is_said():
    (truth,) = truths_of(scribbles((20, 20), strokes=[((3, 3), 1)]))
    with pytest.raises(UserError, match="no Z axis"):
        sampler_of([truth], (4, 4, 4))
    with pytest.raises(UserError, match="no channel 2"):
        sampler_of([truth], channels=(2,))
    with pytest.raises(UserError, match="left to train on"):
        sampler_of([replace(truth, held=truth.applies)])


def test_objects_of_a_real_time_lapse_with_a_region(shared_data):
    folder = shared_data / "dic-hela"
    stack = tifffile.imread(folder / "stack.tif")
    paint = np.zeros(stack.shape, np.uint16)
    for path in (folder / "objects_incomplete").glob("t*.tif"):
        paint[int(path.stem[1:])] = tifffile.imread(path)
    region = Region.box((0, 256), (0, 512))
    annotation = Annotation(Image(stack, "TYX"), paint, "objects", (region,))
    sampler = sampler_of(truths_of(annotation), (128, 128), (20, 20))
    for step in range(20):
        patch = sampler.draw(step, 0)
        labels = patch.labels()
        assert patch.image().shape == (1, 168, 168)
        rows = np.arange(168) + patch.start[0]
        assert (labels[rows >= 256] == IGNORE).all()
        assert (labels >= 0).any()
        t = patch.frame.index["T"]
        seen = (labels >= 0).nonzero()
        where = tuple(a + s for a, s in zip(seen, patch.start))
        assert (labels[seen] == paint[(t, *where)]).all()
