"""Targets, border weights and losses over labelled pixels only."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.sampling.dataset import MAX_CLASS_WEIGHT, MIN_DICE_PIXELS, balance
from napari_unet.core.sampling.targets import Border, make_targets, touching
from napari_unet.core.training.loss import masked_loss

KINDS = ("softmax", "sigmoid")


def problem(activation, seed=0, labelled=0.3, shape=(2, 24, 24), n=3, scale=1.0):
    """Random logits and classes, of which a share is labelled."""
    random = torch.Generator().manual_seed(seed)
    channels = n if activation == "softmax" else n - 1
    logits = scale * torch.randn(shape[0], channels, *shape[1:], generator=random)
    classes = torch.randint(n, shape, generator=random)
    unknown = torch.rand(shape, generator=random) >= labelled
    return logits.requires_grad_(), classes.masked_fill(unknown, IGNORE)


def perfect(classes, activation, n=3, sure=30.0):
    """Logits that are right with certainty where something is known, and wrong elsewhere."""
    first = 0 if activation == "softmax" else 1
    right = torch.stack([classes == c for c in range(first, n)], dim=1)
    return torch.where(right, sure, -sure)


@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("shape", [(2, 24, 24), (1, 8, 12, 12)])
@pytest.mark.parametrize("weighted", [False, True])
def test_unlabelled_pixels_get_exactly_no_gradient(activation, shape, weighted):
    logits, classes = problem(activation, shape=shape)
    more = {"class_weights": (1.0, 2.0, 3.0), "weights": torch.rand(shape)} if weighted else {}
    masked_loss(logits, classes, activation=activation, **more).backward()
    unknown = (classes == IGNORE)[:, None].expand_as(logits)
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()


@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_what_stands_at_unlabelled_pixels_changes_nothing(activation, bad):
    logits, classes = problem(activation)
    expected = masked_loss(logits, classes, activation=activation)
    spoilt = torch.where((classes == IGNORE)[:, None], bad, logits.detach()).requires_grad_()
    loss = masked_loss(spoilt, classes, activation=activation)
    assert loss == expected
    loss.backward()
    assert spoilt.grad.isfinite().all()
    assert (spoilt.grad[(classes == IGNORE)[:, None].expand_as(spoilt)] == 0).all()


@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("labelled", [1.0, 0.1, 0.01])
def test_a_perfect_prediction_costs_nothing_however_little_is_labelled(activation, labelled):
    _, classes = problem(activation, labelled=labelled, shape=(2, 256, 256))
    assert (classes >= 0).sum() > 3 * MIN_DICE_PIXELS
    loss = masked_loss(perfect(classes, activation), classes, activation=activation)
    assert 0 <= loss < 1e-5
    worst = masked_loss(-perfect(classes, activation), classes, activation=activation)
    assert worst > 20


@pytest.mark.parametrize("activation", KINDS)
def test_with_nothing_labelled_the_loss_and_its_gradient_are_zero(activation):
    logits, classes = problem(activation, labelled=0)
    loss = masked_loss(logits, classes, activation=activation, class_weights=(1, 2, 3))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


@examples(30)
@given(seed=st.integers(0, 999), labelled=st.floats(0, 1), sure=st.floats(0, 200))
def test_two_softmax_channels_are_one_sigmoid_channel(seed, labelled, sure):
    logits, classes = problem("sigmoid", seed, labelled, n=2, scale=sure)
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    more = {"class_weights": (0.5, 2.0), "weights": torch.rand(classes.shape)}
    one = masked_loss(logits, classes, activation="sigmoid", **more)
    assert one.isfinite()
    torch.testing.assert_close(masked_loss(two, classes, activation="softmax", **more), one)


@pytest.mark.parametrize("activation", KINDS)
def test_the_gradient_is_that_of_differences(activation):
    logits, classes = problem(activation, shape=(1, 14, 14), labelled=0.9, n=2)
    weights = torch.rand(classes.shape)

    def loss(x):
        return masked_loss(
            x, classes, activation=activation, class_weights=(1.0, 3.0), weights=weights
        )

    loss(logits).backward()
    step = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    numeric = (loss(logits + 1e-2 * step) - loss(logits - 1e-2 * step)) / 2e-2
    assert (logits.grad * step).sum().item() == pytest.approx(numeric.item(), rel=2e-2, abs=1e-4)


def test_from_few_pixels_there_is_no_dice():
    classes = torch.full((1, 40, 40), IGNORE)
    classes[0, :20] = 0
    classes[0, 20, : MIN_DICE_PIXELS // 4] = 1
    logits = torch.zeros(1, 1, 40, 40)
    few = masked_loss(logits, classes, activation="sigmoid")
    assert few.item() == pytest.approx(np.log(2), rel=1e-5)
    classes[0, 20:24] = 1
    enough = masked_loss(logits, classes, activation="sigmoid")
    assert enough.item() == pytest.approx(np.log(2) + 1 - 160 / (480 + 160), rel=1e-5)


@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_are_taken_in_float32(activation, dtype):
    """Half precision stops counting at 256 or 2048."""
    logits, classes = problem(activation, shape=(1, 256, 256), labelled=0.9)
    half = logits.detach().to(dtype)
    exact = masked_loss(half.float(), classes, activation=activation)
    with torch.autocast("cpu", dtype=dtype):
        loss = masked_loss(half, classes, activation=activation)
    assert loss.dtype == torch.float32
    assert loss == exact


@given(pixels=st.lists(st.integers(0, 10**9), min_size=2, max_size=6))
def test_rarer_classes_weigh_more(pixels):
    weights = balance(pixels)
    assert all(0 < w <= MAX_CLASS_WEIGHT for w in weights)
    for (n, w), (m, v) in zip(zip(pixels, weights), list(zip(pixels, weights))[1:]):
        if n and m:
            assert (w >= v) if n <= m else (w <= v)
    if max(weights) < MAX_CLASS_WEIGHT and any(pixels):
        mean = sum(n * w for n, w in zip(pixels, weights)) / sum(pixels)
        assert mean == pytest.approx(1)
    assert balance([900, 100], power=1) == pytest.approx((5 / 9, 5))


# --- targets


def test_classes_are_targets_as_they_are():
    labels = torch.tensor([[[IGNORE, 0, 2, 1]]], dtype=torch.int32)
    targets = make_targets(labels, objects=False)
    assert targets.weights is None
    assert targets.classes.dtype == torch.int64
    assert (targets.classes == labels).all()


def test_objects_are_foreground_and_a_line_between_those_that_touch_is_not():
    labels = torch.zeros(1, 6, 9, dtype=torch.int32)
    labels[0, 1:5, 1:4], labels[0, 1:5, 4:8], labels[0, 5, 8] = 7, 70_000, 3
    plain = make_targets(labels, objects=True)
    assert plain.weights is None
    assert (plain.classes == (labels > 0)).all()
    split = make_targets(labels, objects=True, border=Border())
    line = (plain.classes != split.classes)[0]
    assert line[1:5, 3].all()
    assert line[5, 8]
    assert line.sum() == 5
    assert (split.weights[0][line] > 7).all()
    assert (split.weights[split.classes != 0] == 0).all()
    labels[labels == 0] = IGNORE
    ignored = make_targets(labels, objects=True, border=Border())
    assert (ignored.weights[labels == IGNORE] == 0).all()


@examples(60)
@given(data=st.data(), ndim=st.sampled_from((2, 3)))
def test_no_two_objects_touch_after_splitting(data, ndim):
    shape = tuple(data.draw(st.integers(1, 7)) for _ in range(ndim))
    seed = data.draw(st.integers(0, 999))
    labels = torch.randint(0, 4, (1, *shape), generator=torch.Generator().manual_seed(seed))
    kept = labels.masked_fill(touching(labels), 0)[0].numpy()
    for place in np.ndindex(shape):
        around = kept[tuple(slice(max(p - 1, 0), p + 2) for p in place)]
        assert len(set(around[around > 0].tolist()) | ({kept[place]} - {0})) <= 1 or not kept[place]


def distances(labels, spacing):
    """Distance of each pixel to the nearest and the second nearest object."""
    grid = np.stack(np.indices(labels.shape), -1) * spacing
    found = [
        np.min([np.linalg.norm(grid - p, axis=-1) for p in grid[labels == i]], axis=0)
        for i in np.unique(labels[labels > 0])
    ]
    return np.sort(found, axis=0)[:2]


@pytest.mark.parametrize(
    ("shape", "spacing"), [((40, 40), (1, 1)), ((12, 20, 20), (1, 1, 1)), ((8, 24, 24), (3, 1, 1))]
)
@pytest.mark.parametrize("sigma", [5.0, 8.0])
def test_border_weights_follow_the_formula_of_the_paper(shape, spacing, sigma):
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.int32)
    for i in range(1, 9):
        labels[tuple(slice(p, p + 4) for p in rng.integers(0, np.subtract(shape, 3)))] = i
    targets = make_targets(
        torch.as_tensor(labels)[None], objects=True, border=Border(sigma=sigma), spacing=spacing
    )
    weights, background = targets.weights[0].numpy(), labels == 0
    near, far = distances(labels, np.array(spacing))
    twice = 2 * sigma**2
    exact = 10 * np.exp(-((near + far) ** 2) / twice)
    # the octagonal distance is off by a tenth in a plane and a sixth in a volume, and by rounding
    slack = 0.17 * (near + far) + 2
    highest = 10 * np.exp(-(np.maximum(near + far - slack, 0) ** 2) / twice)
    lowest = 10 * np.exp(-((near + far + slack) ** 2) / twice)
    assert (weights[background] <= highest[background] + 1e-4).all()
    assert (weights[background] >= np.where(lowest > 0.2, lowest, 0)[background]).all()
    assert np.corrcoef(weights[background], exact[background])[0, 1] > 0.97
    assert (weights[~background & (targets.classes[0].numpy() == 1)] == 0).all()


def test_border_weights_of_one_object_and_of_none_are_zero():
    labels = torch.zeros(2, 30, 30, dtype=torch.int32)
    labels[0, 5:9, 5:9] = 4
    assert (make_targets(labels, objects=True, border=Border()).weights == 0).all()


def test_border_weights_do_not_care_how_large_the_numbers_are():
    rng = np.random.default_rng(1)
    labels = torch.as_tensor(np.kron(rng.integers(0, 9, (8, 8)), np.ones((3, 3), int)))[None]
    shuffled = torch.as_tensor(np.append(0, np.sort(rng.integers(1, 2**31 - 10, 8))))[labels]
    plain = make_targets(labels, objects=True, border=Border()).weights
    assert plain.max() > 5
    assert (make_targets(shuffled, objects=True, border=Border()).weights == plain).all()


def test_nuclei_that_touch_are_parted(shared_data):
    folder = shared_data / "nuclei-dsb2018" / "masks"
    path = folder / "07fb37aafa662660.tif"
    labels = torch.as_tensor(tifffile.imread(path).astype(np.int32))[None]
    targets = make_targets(labels, objects=True, border=Border())
    lost = (labels > 0) & (targets.classes == 0)
    assert 0 < lost.sum() < 0.05 * (labels > 0).sum()
    assert (targets.weights[lost] > 7).all()
    assert targets.weights.median() < 1
