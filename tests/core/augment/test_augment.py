"""Image and labels move alike, nothing is invented, nothing folds, and the key alone decides."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_unet.core.augment.deform import deformation_margin
from napari_unet.core.augment.draw import Augmentation, draw_augmentation
from napari_unet.core.augment.elastic import FOLD_FREE, Deformation, control_counts
from napari_unet.core.augment.intensity import change_intensities
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.augment.warp import warp

IGNORE = -1
FIRST = 1 << 40
DEFAULTS = AugmentOptions()
STILL = {"rotation": 0, "tilt": 0, "scale": 0, "shear": 0, "elastic": 0, "mirror": ""}
DEEP = ((6, 32, 28), (4.0, 1.0, 1.0))

cases = st.sampled_from(
    [
        ((48, 40), (1.0, 1.0)),
        ((40, 48), (2.0, 1.0)),
        ((12, 24, 20), (1.5, 1.0, 1.0)),
        DEEP,
        ((1, 17), (1.0, 1.0)),
        ((1, 9, 16), (1.0, 1.0, 1.0)),
    ]
)
choices = st.builds(
    AugmentOptions,
    strength=st.floats(0, 2),
    rotation=st.floats(0, 180),
    tilt=st.floats(0, 45),
    scale=st.floats(0, 1),
    shear=st.floats(0, 30),
    elastic=st.floats(0, 60),
    grid=st.floats(4, 80),
)
seeds = st.integers(0, 2**32)


def addresses(size: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """An image whose channels are its own coordinates, and labels that number its pixels."""
    ramps = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"))
    numbers = np.arange(np.prod(size)).reshape(size) + FIRST
    return torch.from_numpy(ramps.astype(np.float32))[None], torch.from_numpy(numbers)[None]


def moved_addresses(
    chosen: AugmentOptions, shape: tuple[int, ...], spacing: tuple[float, ...], seed: int
) -> tuple[Augmentation, np.ndarray, np.ndarray]:
    """Where each output pixel comes from, by the image (d, *shape) and by the labels (*shape)."""
    around = deformation_margin(chosen, shape, spacing)
    size = tuple(n + 2 * m for n, m in zip(shape, around))
    one = draw_augmentation(chosen, shape, spacing, len(shape), (seed,))
    image, labels = warp(*addresses(size), [one], ignore=IGNORE)
    return one, image[0].numpy(), labels[0].numpy()


def determinants(where: np.ndarray) -> np.ndarray:
    """Jacobian determinants of a map (d, *shape), from the differences of neighbours."""
    short = tuple(slice(0, n - 1) for n in where.shape[1:])
    sides = [np.diff(where, axis=axis)[:, *short] for axis in range(1, len(where) + 1)]
    return np.linalg.det(np.moveaxis(np.stack(sides), (0, 1), (-2, -1)))


@given(cases, seeds)
def test_at_strength_0_nothing_changes(case: tuple, seed: int) -> None:
    shape, spacing = case
    chosen = AugmentOptions(strength=0)
    assert deformation_margin(chosen, shape, spacing) == (0,) * len(shape)
    size = tuple(n + 5 for n in shape)
    images = torch.randn(1, 2, *size)
    labels = torch.randint(0, 9, (1, *size))
    one = [draw_augmentation(chosen, shape, spacing, 2, (seed,))]
    cut = (..., *(slice(2, 2 + n) for n in shape))
    moved, picked = warp(images, labels, one, ignore=IGNORE)
    assert torch.equal(change_intensities(moved, one), images[cut])
    assert torch.equal(picked, labels[cut])


@given(cases, choices, seeds)
def test_labels_come_from_the_pixel_nearest_to_where_the_image_is_sampled(
    case: tuple, chosen: AugmentOptions, seed: int
) -> None:
    shape, spacing = case
    around = deformation_margin(chosen, shape, spacing)
    size = tuple(n + 2 * m for n, m in zip(shape, around))
    _, image, labels = moved_addresses(chosen, shape, spacing, seed)
    assert (labels != IGNORE).all(), "the margin is too small"
    nearest = np.stack(np.unravel_index(labels - FIRST, size))
    assert np.abs(image - nearest).max() < 0.51


@given(
    cases,
    choices,
    seeds,
    st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=1, max_size=6),
    st.sampled_from([torch.int32, torch.int64]),
)
def test_no_label_is_invented(
    case: tuple, chosen: AugmentOptions, seed: int, values: list[int], dtype: torch.dtype
) -> None:
    shape, spacing = case
    random = np.random.default_rng(seed)
    ids = torch.tensor(values, dtype=dtype)
    if dtype == torch.int64:
        ids *= 2**30 + 1
    labels = ids[torch.from_numpy(random.integers(0, len(values), (1, *shape)))]
    one = draw_augmentation(chosen, shape, spacing, 1, (seed,))
    _, picked = warp(torch.zeros(1, 1, *shape), labels, [one], ignore=IGNORE)
    assert picked.dtype == dtype
    assert set(picked.unique().tolist()) <= {*ids.tolist(), IGNORE}


def test_beyond_the_array_the_image_is_mirrored_and_labels_are_ignored() -> None:
    for shape, around, spacing in (((30, 24), 40, (1, 1)), ((5, 16, 20), 30, (1, 1, 1))):
        chosen = AugmentOptions(grid=12, elastic=4)
        one = [draw_augmentation(chosen, shape, spacing, 1, (3,))]
        pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        wide = np.pad(pixels, around, mode="reflect")
        inside = np.pad(np.ones(shape, np.int64), around, constant_values=IGNORE)
        near, picked = warp(
            torch.from_numpy(pixels)[None, None],
            torch.ones(1, *shape, dtype=torch.int64),
            one,
            ignore=IGNORE,
        )
        far, expected = warp(
            torch.from_numpy(wide)[None, None], torch.from_numpy(inside)[None], one, ignore=7
        )
        assert torch.allclose(near, far, atol=1e-3)
        assert torch.equal(picked, expected)
        assert (picked == IGNORE).any()


def test_a_patch_does_not_depend_on_its_batch() -> None:
    for shape, spacing in (((64, 60), (1, 1)), ((10, 32, 30), (1, 1, 1))):
        size = tuple(n + 2 * m for n, m in zip(shape, deformation_margin(DEFAULTS, shape, spacing)))
        images, labels = torch.randn(3, 2, *size), torch.randint(0, 9, (3, *size))
        draws = [
            draw_augmentation(DEFAULTS, shape, spacing, 2, (5, 0, sample)) for sample in range(3)
        ]
        together, picked = warp(images, labels, draws, ignore=IGNORE)
        together = change_intensities(together, draws)
        for i in range(3):
            again = [draw_augmentation(DEFAULTS, shape, spacing, 2, (5, 0, i))]
            alone, own = warp(images[i : i + 1], labels[i : i + 1], again, ignore=IGNORE)
            assert torch.equal(change_intensities(alone, again), together[i : i + 1])
            assert torch.equal(own, picked[i : i + 1])
        assert not torch.equal(together[0], together[1])


def test_every_part_of_the_key_counts() -> None:
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    drawn = {draw_augmentation(DEFAULTS, (8, 8), (1, 1), 1, key).intensity.seed for key in keys}
    assert len(drawn) == len(keys)


def test_turning_one_thing_off_leaves_the_others_as_they_were() -> None:
    full = draw_augmentation(DEFAULTS, (8, 8), (1, 1), 1, (4,))
    less = draw_augmentation(AugmentOptions(gamma=0, elastic=0, invert=1), (8, 8), (1, 1), 1, (4,))
    assert np.array_equal(full.deformation.matrix, less.deformation.matrix)
    assert full.deformation.mirrored == less.deformation.mirrored
    assert np.array_equal(full.intensity.gain, less.intensity.gain)


@pytest.mark.each_value
@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((128, 128), (1, 1)), ((32, 40, 40), (1, 1, 1)), ((5, 96, 96), (4, 1, 1))],
)
@pytest.mark.parametrize(
    "chosen", [DEFAULTS, AugmentOptions(strength=2), AugmentOptions(elastic=200, grid=16)]
)
def test_nothing_folds(shape: tuple, spacing: tuple, chosen: AugmentOptions) -> None:
    for seed in range(100 if len(shape) == 2 else 6):
        one, where, _ = moved_addresses(chosen, shape, spacing, seed)
        sign = (-1) ** sum(one.deformation.mirrored)
        assert (determinants(where) * sign).min() > 0


@pytest.mark.parametrize("d", [2, 3])
def test_the_worst_grid_at_the_limit_does_not_fold(d: int) -> None:
    shape, step = (80,) * d if d == 2 else (40,) * d, (16.0,) * d
    random = np.random.default_rng(0)
    counts = control_counts(shape, step)
    corners = np.indices(counts)
    folded = []
    for trial in range(20 if d == 2 else 6):
        signs = random.choice([-1.0, 1.0], size=(d, *counts))
        if trial == 0:  # squeeze towards the middle along every axis at once
            signs = np.sign(np.subtract([c // 2 for c in counts], corners.T) + 0.5).T
        for amount in (FOLD_FREE[d], 3 * FOLD_FREE[d]):
            one = Deformation(shape, np.eye(d), (False,) * d, signs * amount * step[0], step)
            made = Augmentation(one, draw_augmentation(DEFAULTS, shape, step, d, (0,)).intensity)
            size = tuple(n + 60 for n in shape)
            where, _ = warp(*addresses(size), [made], ignore=IGNORE)
            folded.append(bool((determinants(where[0].numpy()) <= 0).any()))
    assert not any(folded[::2])
    assert any(folded[1::2]), "this test would not notice a fold"


def test_planes_of_deep_voxels_keep_together() -> None:
    shape, spacing = DEEP
    for seed in range(8):
        one, where, _ = moved_addresses(AugmentOptions(strength=2), shape, spacing, seed)
        planes = np.arange(shape[0])[:, None, None]
        expected = planes[::-1] if one.deformation.mirrored[0] else planes
        assert np.allclose(where[0], expected, atol=1e-5)
    assert deformation_margin(AugmentOptions(strength=2), shape, spacing)[0] == 0


def test_a_turn_is_a_turn_of_the_specimen_not_of_the_pixels() -> None:
    spacing = (2.0, 1.0)
    chosen = AugmentOptions(**{**STILL, "rotation": 180})
    y, x = np.mgrid[-40:41, -80:81]
    stick = (np.abs(2.0 * y) < 30) & (np.abs(1.0 * x) < 5)  # 60 by 10 in the unit of spacing
    image = torch.from_numpy(stick.astype(np.float32))[None, None]
    labels = torch.from_numpy(stick.astype(np.int64))[None]
    for seed in range(10):
        one = draw_augmentation(chosen, (41, 81), spacing, 1, (seed,))
        _, picked = warp(image, labels, [one], ignore=IGNORE)
        places = np.argwhere(picked[0].numpy() == 1) * spacing
        spread = np.sqrt(np.linalg.eigvalsh(np.cov(places.T)) * 12)
        assert spread == pytest.approx([10, 60], rel=0.12)


def test_a_bright_blob_keeps_its_label() -> None:
    y, x = np.mgrid[:160, :160]
    blob = ((y - 70) ** 2 + (x - 95) ** 2 < 20**2).astype(np.float32)
    image, label = torch.from_numpy(blob)[None, None], torch.from_numpy(blob.astype(np.int32))[None]
    for seed in range(20):
        one = [draw_augmentation(AugmentOptions(strength=2), (96, 96), (1, 1), 1, (seed,))]
        moved, picked = warp(image, label * (2**24 + 1), one, ignore=0)
        assert torch.equal(moved[0] > 0.95, (moved[0] > 0.95) & (picked == 2**24 + 1))
        assert torch.equal(moved[0] < 0.05, (moved[0] < 0.05) & (picked == 0))


def test_only_the_axes_that_may_be_are_mirrored_and_exactly() -> None:
    image, labels = addresses((4, 6, 5))
    seen = set()
    for seed in range(40):
        one = [
            draw_augmentation(
                AugmentOptions(**{**STILL, "mirror": "ZX"}), (4, 6, 5), (1, 1, 1), 3, (seed,)
            )
        ]
        moved, picked = warp(image, labels, one, ignore=IGNORE)
        axes = [a for a, flip in enumerate(one[0].deformation.mirrored) if flip]
        assert torch.equal(moved[0], image[0].flip([a + 1 for a in axes]))
        assert torch.equal(picked[0], labels[0].flip(axes))
        seen.add(tuple(axes))
    assert seen == {(), (0,), (2,), (0, 2)}


def test_the_margin_is_no_more_than_a_turn_needs() -> None:
    assert deformation_margin(AugmentOptions(**{**STILL, "rotation": 180}), (101, 101), (1, 1)) == (
        21,
        21,
    )
    assert deformation_margin(AugmentOptions(**STILL), (101, 101), (1, 1)) == (0, 0)
    assert deformation_margin(AugmentOptions(**{**STILL, "elastic": 7}), (9, 9, 9), (2, 1, 1)) == (
        4,
        7,
        7,
    )


def test_autocast_does_not_coarsen_coordinates() -> None:
    image, labels = addresses((200, 200))
    one = [draw_augmentation(DEFAULTS, (128, 128), (1, 1), 2, (0,))]
    plain = warp(image, labels, one, ignore=IGNORE)
    with torch.autocast("cpu", torch.bfloat16):
        cast = warp(image, labels, one, ignore=IGNORE)
        assert torch.equal(change_intensities(cast[0], one), change_intensities(plain[0], one))
    assert torch.equal(plain[0], cast[0])
    assert torch.equal(plain[1], cast[1])


def test_intensities_vary_within_what_is_set() -> None:
    image = torch.rand(1, 2, 64, 64) + 3
    mean, deviation = image.mean((2, 3)), image.std((2, 3))
    only = dict.fromkeys(("gain", "brightness", "background", "gamma", "noise", "blur"), 0)
    for seed in range(10):

        def vary(seed: int = seed, **chosen: float) -> torch.Tensor:
            one = draw_augmentation(
                AugmentOptions(**{**only, **chosen}), (64, 64), (1, 1), 2, (seed,)
            )
            return change_intensities(image, [one])

        assert vary() is image
        brighter = vary(brightness=0.5)
        assert ((brighter.mean((2, 3)) - mean).abs() <= 0.51 * deviation).all()
        stronger = vary(gain=0.5).std((2, 3)) / deviation
        assert ((stronger > 1 / 1.51) & (stronger < 1.51)).all()
        bent = vary(gamma=1)
        assert torch.allclose(bent.mean((2, 3)), mean, atol=1e-4)
        assert torch.allclose(bent.std((2, 3)), deviation, rtol=1e-3)
        order = image[0, 0].flatten().argsort()
        assert (bent[0, 0].flatten()[order].diff() >= -1e-6).all()
        stray = (vary(background=0.5) - image) / deviation[..., None, None]
        assert stray.abs().max() <= 0.51
        # smooth: no step from pixel to pixel
        assert stray.diff(dim=-1).abs().max() < 0.05
        assert ((vary(noise=0.5) - image).std((2, 3)) <= 0.55 * deviation).all()
        assert (vary(blur=2).std((2, 3)) <= deviation * 1.0001).all()


def test_a_part_of_the_patches_is_inverted_within_its_range() -> None:
    image = torch.rand(1, 2, 32, 32) + 3
    nothing = dict.fromkeys(("gain", "brightness", "background", "gamma", "noise", "blur"), 0)
    turned = 0
    for seed in range(40):
        chosen = AugmentOptions(**nothing, invert=0.5)
        one = draw_augmentation(chosen, (32, 32), (1, 1), 2, (seed,))
        found = change_intensities(image, [one])
        turned += found is not image
        if found is not image:
            assert torch.allclose(found.amin((2, 3)), image.amin((2, 3)))
            assert torch.allclose(found + image, (found + image)[..., :1, :1])
    assert 10 < turned < 30


def test_a_constant_patch_stays_finite() -> None:
    image = torch.full((1, 1, 32, 32), 0.7)
    for seed in range(10):
        varied = change_intensities(
            image, [draw_augmentation(AugmentOptions(strength=2), (32, 32), (1, 1), 1, (seed,))]
        )
        assert torch.allclose(varied, image, atol=1e-5)


def test_the_blur_is_as_wide_as_drawn() -> None:
    image = torch.zeros(1, 1, 9, 33, 33)
    image[0, 0, 4, 16, 16] = 1
    quiet = {"gain": 0, "brightness": 0, "background": 0, "gamma": 0, "noise": 0, "blur": 2}
    chosen = AugmentOptions(**quiet)
    drawn = [draw_augmentation(chosen, (9, 33, 33), (4.0, 1, 1), 1, (seed,)) for seed in range(40)]
    one = max(drawn, key=lambda one: one.intensity.blur.max())
    sigma = one.intensity.blur[:, 0]
    assert 1.5 < sigma[1] <= 2
    assert sigma[0] == sigma[1] / 4
    assert 10 < sum(one.intensity.blur.any() for one in drawn) < 30
    spot = change_intensities(image, [one])[0, 0].numpy()
    assert spot.sum() == pytest.approx(1, rel=1e-4)
    for axis in (1, 2):
        profile = spot.sum(tuple({0, 1, 2} - {axis}))
        assert np.sqrt((profile * (np.arange(33) - 16) ** 2).sum()) == pytest.approx(
            sigma[axis], rel=0.05
        )


def test_options_out_of_range_are_refused() -> None:
    for bad in ({"strength": 2.1}, {"mirror": "XY"}, {"rotation": -1}, {"grid": 0}, {"gains": 1}):
        with pytest.raises(ValidationError):
            AugmentOptions(**bad)
    for name, field in AugmentOptions.model_fields.items():
        assert field.title, name
        assert field.description, name


def test_forms_can_read_the_options_without_torch() -> None:
    code = "import sys, napari_unet.core.augment.draw; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
