from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import pytest
import safetensors.torch
import torch
from foreign_networks import BrainUNet, PytorchUNet, State, TorchEm
from torch import Tensor

from napari_unet.core.errors import UserError
from napari_unet.core.importers import load_foreign
from napari_unet.core.model.file import save_model

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.model.spec import Model

VARIANTS = {
    "transposed": PytorchUNet(),
    "bilinear": PytorchUNet(bilinear=True),
    "rgb-classes": PytorchUNet(channels=3, classes=4, base=6, bias=True),
    "bilinear-classes": PytorchUNet(channels=2, classes=3, base=10, bilinear=True, bias=True),
    "shallow": PytorchUNet(depth=2, base=5),
    "deep-bilinear": PytorchUNet(depth=5, base=4, bilinear=True),
    "old-names": PytorchUNet(old_names=True, bias=True, bilinear=True),
    "old-transposed": PytorchUNet(old_names=True, bias=True, channels=3, classes=2),
    "first-version": PytorchUNet(old_names=True, bias=True, norm=False, bilinear=True),
    "volume": PytorchUNet(ndim=3, depth=2, base=4),
    "volume-trilinear": PytorchUNet(ndim=3, depth=2, base=4, bilinear=True),
}


def image(network: PytorchUNet | BrainUNet | TorchEm, size: tuple[int, ...] = (96, 64)) -> Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.randn(1, network.channels, *size, generator=random)


def save(state: object, folder: Path, name: str = "weights.pth", **options: object) -> Path:
    torch.save(state, folder / name, **options)
    return folder / name


def same(model: Model, state: State, network: PytorchUNet | BrainUNet | TorchEm, x: Tensor) -> bool:
    with torch.inference_mode():
        ours, theirs = model.network(x), network.forward(state, x)
    return bool((ours - theirs).abs().max() <= 1e-5 * theirs.abs().max())


@pytest.mark.parametrize("network", VARIANTS.values(), ids=VARIANTS)
def test_forward_pass_is_the_upstream_one(network: PytorchUNet, tmp_path: Path) -> None:
    state = network.state()
    model = load_foreign(save(state, tmp_path))
    x = image(network, (32, 64) if network.ndim == 2 else (8, 12, 16))
    assert same(model, state, network, x)
    assert not model.network.training
    config = model.spec.config
    assert (config.ndim, config.depth) == (network.ndim, network.depth)
    assert (config.in_channels, config.out_channels) == (network.channels, network.classes)
    assert config.upsampling == ("linear_aligned" if network.bilinear else "transposed")


def test_description_is_what_the_family_does(tmp_path: Path) -> None:
    one = load_foreign(save(PytorchUNet().state(), tmp_path, "one.pth")).spec
    assert (one.name, one.activation, one.threshold) == ("one", "sigmoid", 0.5)
    assert one.normalization.kind == "divide_255"
    assert one.provenance.verified_error is None
    assert one.provenance.format == "Pytorch-UNet state dict"
    several = load_foreign(save(PytorchUNet(classes=3).state(), tmp_path, "several.pth")).spec
    assert several.activation == "softmax"
    assert several.classes[0] == "background"


@pytest.mark.parametrize("classes", [1, 4])
def test_the_up_first_family_of_the_pytorch_hub(classes: int, tmp_path: Path) -> None:
    network = BrainUNet(classes=classes)
    state = network.state()
    model = load_foreign(save(state, tmp_path))
    assert same(model, state, network, image(network))
    assert model.spec.activation == "sigmoid"


def test_torch_em(tmp_path: Path) -> None:
    network = TorchEm()
    state = network.state()
    model = load_foreign(save(state, tmp_path))
    assert same(model, state, network, image(network))
    assert model.spec.activation == "sigmoid"


WRAPPINGS = {
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "optimizer": {"state": {}}},
    "model_state_dict": lambda s: {"model_state_dict": s, "loss": 0.25},
    "model": lambda s: {"model": s, "args": {"lr": 1e-3}},
    "nested": lambda s: {"state_dict": {"model_state_dict": s}},
    "data-parallel": lambda s: OrderedDict((f"module.{k}", v) for k, v in s.items()),
    "compiled": lambda s: {f"_orig_mod.{k}": v for k, v in s.items()},
    "parallel-compiled": lambda s: {f"module._orig_mod.{k}": v for k, v in s.items()},
    "lightning": lambda s: {"state_dict": {f"model.{k}": v for k, v in s.items()}, "epoch": 9},
    "any-attribute": lambda s: {
        "state_dict": {
            **{f"segmenter.core.{k}": v for k, v in s.items()},
            "criterion.pos_weight": torch.ones(1),
            "perceptual_loss.vgg.0.weight": torch.ones(4, 3, 3, 3),
        }
    },
    "no-counters": lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
    "mask-values": lambda s: OrderedDict(s, mask_values=[0, 255]),
    "mask-values-wrapped": lambda s: {
        "state_dict": OrderedDict(
            [*((f"module.{k}", v) for k, v in s.items()), ("mask_values", [0, 255])]
        )
    },
    "parameters": lambda s: {k: torch.nn.Parameter(v, v.is_floating_point()) for k, v in s.items()},
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_wrapped_state_dicts(wrap: object, zipped: bool, tmp_path: Path) -> None:
    network = PytorchUNet(depth=2)
    state = network.state()
    path = save(wrap(state), tmp_path, _use_new_zipfile_serialization=zipped)
    assert same(load_foreign(path), state, network, image(network))


@pytest.mark.parametrize(
    ("values", "classes", "names"),
    [
        ([0, 255], 1, ("foreground",)),
        ([7, 9], 1, ("mask value 9",)),
        ([0, 1, 2], 3, ("background", "class 1", "class 2")),
        ([0, 128, 255], 3, ("mask value 0", "mask value 128", "mask value 255")),
        ([[0, 0, 0], [255, 0, 0]], 2, ("mask value [0, 0, 0]", "mask value [255, 0, 0]")),
        ([0, 1, 2], 2, ("background", "foreground")),
    ],
)
def test_mask_values_name_the_classes(
    values: list[object], classes: int, names: tuple[str, ...], tmp_path: Path
) -> None:
    state = PytorchUNet(depth=1, classes=classes).state()
    model = load_foreign(save(OrderedDict(state, mask_values=values), tmp_path))
    assert model.spec.classes == names


def test_saved_on_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = PytorchUNet(depth=1)
    state = network.state()
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    path = save(state, tmp_path)
    assert b"cuda:0" in path.read_bytes()
    assert same(load_foreign(path), state, network, image(network))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_become_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    network = PytorchUNet(depth=1)
    cast = {k: v.to(dtype) if v.is_floating_point() else v for k, v in network.state().items()}
    model = load_foreign(save(cast, tmp_path))
    rounded = OrderedDict((k, v.float()) for k, v in cast.items())
    assert all(p.dtype == torch.float32 for p in model.network.parameters())
    assert same(model, rounded, network, image(network))


def test_bare_safetensors(tmp_path: Path) -> None:
    network = PytorchUNet(depth=2, bilinear=True)
    state = network.state()
    safetensors.torch.save_file(dict(state), tmp_path / "weights.safetensors")
    model = load_foreign(tmp_path / "weights.safetensors")
    assert same(model, state, network, image(network))


def test_model_file_of_our_own(tmp_path: Path) -> None:
    model = load_foreign(save(PytorchUNet(depth=1).state(), tmp_path, "mine.pth"))
    save_model(model, tmp_path / "mine.safetensors")
    assert load_foreign(tmp_path / "mine.safetensors").spec == model.spec


def test_tensors_that_share_memory_are_taken_apart(tmp_path: Path) -> None:
    network = PytorchUNet(depth=1)
    state = network.state()
    floats = {k: v for k, v in state.items() if v.is_floating_point()}
    flat = torch.cat([v.flatten() for v in floats.values()])
    views = flat.split([v.numel() for v in floats.values()])
    shared = {k: view.view(v.shape) for (k, v), view in zip(floats.items(), views, strict=True)}
    model = load_foreign(save(shared, tmp_path))
    assert same(model, state, network, image(network))
    places = {v.untyped_storage().data_ptr() for v in model.network.state_dict().values()}
    assert len(places) == len(model.network.state_dict())


def _drop(state: State, key: str) -> State:
    return OrderedDict((k, v) for k, v in state.items() if k != key)


STRANGE = {
    "extra weights": lambda s: OrderedDict(s, **{"up1.attention.weight": torch.ones(3)}),
    "missing bias of a norm": lambda s: _drop(s, "up1.conv.double_conv.1.bias"),
    "missing head": lambda s: _drop(s, "outc.conv.weight"),
    "missing level": lambda s: OrderedDict((k, v) for k, v in s.items() if "down2" not in k),
    "5x5 kernel": lambda s: OrderedDict(s, **{"inc.double_conv.0.weight": torch.ones(8, 1, 5, 5)}),
    "width": lambda s: OrderedDict(s, **{"outc.conv.weight": torch.ones(1, 9, 1, 1)}),
    "transposed kernel": lambda s: OrderedDict(s, **{"up1.up.weight": torch.ones(32, 16, 3, 3)}),
    "linear layer": lambda s: OrderedDict(s, **{"inc.double_conv.0.weight": torch.ones(8, 1)}),
    "scalar": lambda s: OrderedDict(s, **{"outc.conv.weight": torch.tensor(1.0)}),
    "up as a vector": lambda s: OrderedDict(s, **{"up1.up.weight": torch.ones(4)}),
    "only one level upsampled": lambda s: _drop(_drop(s, "up1.up.weight"), "up1.up.bias"),
    "NaN": lambda s: OrderedDict(s, **{"outc.conv.bias": torch.tensor([float("nan")])}),
    "other names": lambda s: {f"layer{i}": v for i, v in enumerate(s.values())},
    "no weights": lambda s: {"epoch": 1, "note": "hello"},
    "a list": lambda s: [1, 2, 3],
    "one tensor": lambda s: torch.ones(3),
    "whole numbers only": lambda s: {"outc.conv.weight": torch.ones(3, dtype=torch.int64)},
}


@pytest.mark.parametrize("change", STRANGE.values(), ids=STRANGE)
def test_other_networks_are_refused(change: object, tmp_path: Path) -> None:
    path = save(change(PytorchUNet(depth=2).state()), tmp_path)
    with pytest.raises(UserError) as caught:
        load_foreign(path)
    assert "weights.pth" in caught.value.problem
    assert caught.value.value
    assert caught.value.remedy


def test_unknown_layout_shows_its_names(tmp_path: Path) -> None:
    path = save({"backbone.stem.weight": torch.ones(3, 4)}, tmp_path)
    with pytest.raises(UserError, match=r"backbone\.stem\.weight \[3, 4\]"):
        load_foreign(path)
