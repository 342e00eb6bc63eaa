"""What programs write beside their checkpoints: plans of nnU-Net, configurations of others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from napari_unet.core.errors import UserError
from napari_unet.core.importers import load_foreign
from napari_unet.core.model.spec import ModelSpec


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        load_foreign(path)
    return str(error.value)


def planned(folder: Path, target: Path, changes: dict[str, Any]) -> Path:
    """Copy a model folder of nnU-Net, with other plans: FILE.NAME, or of the configuration in them."""
    # its configuration stands in the name of the folder
    target = target.with_name(f"{target.name}__2d")
    shutil.copytree(folder / "nnunet_2d_small", target)
    plans = json.loads((target / "plans.json").read_text())
    dataset = json.loads((target / "dataset.json").read_text())
    configuration = plans["configurations"]["2d"]
    for key, value in changes.items():
        kind, _, part = key.partition(".")
        place = {"plans": plans, "dataset": dataset, "configuration": configuration}.get(kind)
        if place is None:
            place = configuration["architecture"]["arch_kwargs"]
        place[part] = value
    (target / "plans.json").write_text(json.dumps(plans))
    (target / "dataset.json").write_text(json.dumps(dataset))
    for path in target.glob("fold_*/*.pth"):
        # what is in the checkpoint itself comes first
        saved = torch.load(path, weights_only=False)
        torch.save({"network_weights": saved["network_weights"]}, path)
    return target


def spec_of(folder: Path, target: Path, **changes: Any) -> ModelSpec:
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return load_foreign(planned(folder, target, dotted)).spec


def test_plans_say_how_images_are_normalised(folder: Path, tmp_path: Path) -> None:
    def found(i: int, scheme: str) -> Any:
        key = {"configuration__normalization_schemes": [scheme]}
        return spec_of(folder, tmp_path / f"{i}", **key).normalization

    extremes = found(0, "RescaleTo01Normalization")
    assert (extremes.kind, extremes.low, extremes.high) == ("percentile", 0, 100)
    assert found(1, "RGBTo01Normalization").gain == (1 / 255,)
    assert found(2, "NoNormalization").gain == (1,)


def test_plans_say_what_else_is_to_be_known(folder: Path, tmp_path: Path) -> None:
    spec = spec_of(
        folder,
        tmp_path / "n",
        plans__image_reader_writer="NaturalImage2DIO",
        configuration__use_mask_for_norm=[True],
        dataset__labels={"background": 0, "whole": [1, 2], "core": 2, "rim": 1},
    )
    # regions may overlap: each has a probability of its own
    assert spec.activation == "sigmoid"
    assert spec.classes == ("whole", "core", "rim")
    assert spec.pixel_size == ()
    assert "at a pixel size of 0.001 × 0.002, in an unknown unit" in spec.description
    assert "only pixels other than 0 were normalised" in spec.description


PLANS = {
    "cascade": ({"configuration.previous_stage": "3d_lowres"}, "second network of a cascade"),
    "order": ({"kwargs.nonlin_first": True}, "its functions come before the norms"),
    "function": ({"kwargs.nonlin": "torch.nn.Softsign"}, "the function Softsign is not known"),
    "axes": ({"plans.transpose_forward": [0, 1, 1]}, "its axes are transposed by [0, 1, 1]"),
    "planes": ({"plans.transpose_forward": [2, 0, 1]}, "its planes do not lie along Y and X"),
    "scheme": (
        {"configuration.normalization_schemes": ["OwnNormalization"]},
        "its channels are normalised by Own",
    ),
    "CT": (
        {
            "configuration.normalization_schemes": ["CTNormalization"],
            "plans.foreground_intensity_properties_per_channel": {"0": {"std": 1.0}},
        },
        "its plans lack 'mean' of channel 0",
    ),
}


@pytest.mark.parametrize(("changes", "words"), PLANS.values(), ids=PLANS)
def test_plans_that_can_not_be_followed_are_told(
    changes: dict[str, Any], words: str, folder: Path, tmp_path: Path
) -> None:
    assert words in refused(planned(folder, tmp_path / "n", changes))


def test_excitation_in_nnunet_is_refused(folder: Path, tmp_path: Path) -> None:
    path = planned(folder, tmp_path / "n", {}) / "fold_0" / "checkpoint_final.pth"
    saved = torch.load(path)
    saved["network_weights"]["encoder.stages.0.squeeze_excitation.weight"] = torch.zeros(1)
    torch.save(saved, path)
    assert "squeeze and excitation" in refused(path.parent)


def test_damaged_plans_are_told(folder: Path, tmp_path: Path) -> None:
    target = planned(folder, tmp_path / "n", {})
    for text, words in (("{", "Expecting"), ("[1]", "not an object of names and values")):
        (target / "plans.json").write_text(text)
        message = refused(target)
        assert "plans.json can't be read" in message
        assert words in message


def test_a_renamed_folder_of_one_configuration_is_known_by_it(folder: Path, tmp_path: Path) -> None:
    target = planned(folder, tmp_path / "n", {}).rename(tmp_path / "my own name")
    plans = json.loads((target / "plans.json").read_text())
    only = plans["configurations"]["base"] | plans["configurations"]["2d"]
    del only["inherits_from"]
    (target / "plans.json").write_text(json.dumps(plans | {"configurations": {"2d": only}}))
    assert load_foreign(target).spec.pixel_size == pytest.approx((1.0, 2.0))


def test_folds_of_different_networks_do_not_belong_together(folder: Path, tmp_path: Path) -> None:
    target = planned(folder, tmp_path / "n", {})
    (target / "fold_1").mkdir()
    shutil.copy(folder / "monai_basic.pth", target / "fold_1" / "checkpoint_final.pth")
    assert "The folds of n__2d don't belong together" in refused(target)


def configured(folder: Path, target: Path, raw: list[dict[str, Any]], **model: Any) -> Path:
    """Copy a checkpoint of pytorch-3dunet with another configuration."""
    source = folder / "pytorch3dunet_configured_small"
    target.mkdir()
    shutil.copy(source / "best_checkpoint.pth", target)
    config = yaml.safe_load((source / "config.yaml").read_text())
    config["model"].update(model)
    config["loaders"] = {"val": {"transformer": {"raw": raw}}}
    (target / "config.yaml").write_text(yaml.safe_dump(config))
    return target / "best_checkpoint.pth"


def test_configurations_say_how_images_are_normalised(folder: Path, tmp_path: Path) -> None:
    def found(i: int, *raw: dict[str, Any]) -> Any:
        return load_foreign(configured(folder, tmp_path / f"{i}", list(raw))).spec.normalization

    ranks = found(0, {"name": "PercentileNormalizer", "pmin": 2, "pmax": 98})
    assert (ranks.kind, ranks.low, ranks.high) == ("percentile", 2, 98)
    limits = {"name": "Normalize", "min_value": 10, "max_value": 30}
    both = found(1, {"name": "RandomFlip"}, limits)
    assert (both.gain, both.offset, both.clip) == ((0.1,), (-2.0,), (-1, 1))
    unit = found(2, limits | {"norm01": True})
    assert (unit.gain, unit.offset, unit.clip) == ((0.05,), (-0.5,), (0, 1))
    assert found(3, {"name": "ToTensor"}).kind == "zscore"


def test_a_configuration_of_the_network_alone_is_enough(folder: Path, tmp_path: Path) -> None:
    path = configured(folder, tmp_path / "n", [], pool_kernel_size=[2, 2, 2])
    config = yaml.safe_load((tmp_path / "n" / "config.yaml").read_text())
    before = load_foreign(path)
    (tmp_path / "n" / "config.yaml").write_text(yaml.safe_dump(config["model"]))
    alone = load_foreign(path)
    assert alone.spec.config == before.spec.config
    assert alone.spec.activation == before.spec.activation


def test_a_damaged_configuration_beside_a_network_is_left_out(folder: Path, tmp_path: Path) -> None:
    path = configured(folder, tmp_path / "n", [])
    (tmp_path / "n" / "config.yaml").write_text("model: [")
    shutil.copy(folder / "monai_basic.pth", path)
    assert load_foreign(path).spec.config.in_channels == 1
