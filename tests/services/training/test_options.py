"""Presets and settings written as text become options that are checked."""

from __future__ import annotations

import pytest

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.errors import UserError
from napari_unet.services.training.options import (
    PRESETS,
    FinetuneOptions,
    apply_preset,
    make_options,
    preset_of,
)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_the_length_of_the_training_alone(preset):
    mine = FinetuneOptions(steps=77, seed=5, classes=("cell",), augment=AugmentOptions(strength=0))
    changed = apply_preset(mine, preset)
    assert preset_of(changed) == preset
    assert preset_of(mine) is None
    assert (changed.seed, changed.classes, changed.augment) == (5, ("cell",), mine.augment)
    assert changed.steps == PRESETS[preset].steps


def test_settings_written_as_text_win_over_values():
    base = PRESETS["Thorough"]
    changed = make_options(
        base,
        ["patience=7", "augment.elastic=15"],
        steps=50,
        minutes=0,
        patience=9,
        augment=AugmentOptions(strength=0.5, elastic=2),
    )
    assert (changed.steps, changed.minutes, changed.patience) == (50, None, 7)
    assert changed.augment == AugmentOptions(strength=0.5, elastic=15)
    assert make_options(base) == base == PRESETS["Thorough"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("nonsense=1", "'nonsense' can't be used"),
        ("augment.elastic=-1", "'augment.elastic' can't be used"),
        ("augment=2", "group of settings"),
        ("patience=many", "'patience' can't be used"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting, words):
    with pytest.raises(UserError, match=words):
        make_options(FinetuneOptions(), [setting])
