"""Models to start a training from: new ones, and ones fitted to other classes, tasks or channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.ends import first_names, head_name, with_channels
from napari_unet.core.model.architecture import build_network
from napari_unet.core.model.spec import OBJECT_OUTPUTS, Model, ModelSpec
from napari_unet.core.unet.config import UNetConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.model.spec import Task


@dataclass(frozen=True)
class NewModel:
    """Describes a new, untrained model.

    Attributes
    ----------
    ndim
        2 for planes, 3 for volumes.
    channels
        Number of input channels.
    classes
        Names of the classes, without the background.
    task
        ``"semantic"`` for the classes of pixels, ``"objects"`` for objects of one class.
    base, depth
        Channels at the finest level, and number of poolings.
    spacing
        Pixel size along each axis, in any one unit: a 3-D network only pools along Z from the level on
        where pixels are as long along Y and X. Empty: the same along all axes.
    normalization
        How pixel values are scaled; None: by percentiles.
    name
        The model's name.
    seed
        Seed of the weights.
    """

    ndim: int = 2
    channels: int = 1
    classes: tuple[str, ...] = ("foreground",)
    task: Task = "semantic"
    base: int = 32
    depth: int = 4
    spacing: tuple[float, ...] = ()
    normalization: Normalization | None = None
    name: str = "new"
    seed: int = 0

    @property
    def spec(self) -> ModelSpec:
        """Description of the model: a U-Net with batch norm, so that tiles are exact."""
        config = UNetConfig.classic(
            base=self.base,
            depth=self.depth,
            ndim=self.ndim,
            in_channels=self.channels,
            out_channels=_out_channels(self.classes, self.task),
            strides=_strides(self.depth, self.spacing or (1.0,) * self.ndim),
            conv_bias=False,
        )
        fields = _class_fields(self.classes, self.task)
        if self.normalization is not None:
            fields["normalization"] = self.normalization
        return ModelSpec(name=self.name, config=config, **fields)

    def build(self) -> Model:
        """Build the model, with random weights."""
        spec = self.spec
        network = build_network(spec.config)
        generator = torch.Generator().manual_seed(self.seed)
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
                _initialise(module, generator)
        return Model(spec, network.eval())


def adapt_spec(
    spec: ModelSpec,
    *,
    classes: Sequence[str] | None = None,
    task: Task | None = None,
    channels: Sequence[str] | None = None,
) -> ModelSpec:
    """Return the description of what `adapt_model` makes of a model.

    Parameters
    ----------
    spec
        The model's description.
    classes, task, channels
        As for `adapt_model`.

    Returns
    -------
    ModelSpec
        The description itself if nothing has to change.
    """
    own = tuple(spec.label_names.values())
    task = task or spec.task
    # objects are of one class, whatever its name
    classes = own if classes is None or task == "objects" else tuple(classes)
    changes: dict[str, Any] = {}
    config: dict[str, int] = {}
    if (classes, task) != (own, spec.task):
        changes |= _class_fields(classes, task)
        config["out_channels"] = _out_channels(classes, task)
    elif spec.activation == "none":
        changes |= {"activation": "sigmoid", "threshold": 0.5}
    if channels is not None and tuple(channels) != spec.channels:
        changes["channels"] = tuple(channels)
        config["in_channels"] = len(channels)
        changes["normalization"] = spec.normalization.for_channels(len(channels))
    if not changes:
        return spec
    new = _changed(spec.config, config)
    return ModelSpec.model_validate({**spec.model_dump(), **changes, "config": new})


def adapt_model(
    model: Model,
    *,
    classes: Sequence[str] | None = None,
    task: Task | None = None,
    channels: Sequence[str] | None = None,
    seed: int = 0,
) -> Model:
    """Fit a model to other classes, another task or other channels.

    Parameters
    ----------
    model
        The model; it is not changed.
    classes
        Names of the classes, without the background. Other classes than the model's get a new head. No
        effect on objects. None: those of the model.
    task
        Another task than the model's gets a new head, too; if it knows one class, its output for that
        is kept as the foreground of objects. None: that of the model.
    channels
        Names of the input channels. If their number changes, each new channel gets the mean of the old
        channels' weights, scaled so that activations stay as large, and the mean of their normalisation
        constants if each has its own. None: those of the model.
    seed
        Seed of the weights of a new head.

    Returns
    -------
    Model
        The model itself if nothing has to change.
    """
    spec = model.spec
    changed = adapt_spec(spec, classes=classes, task=task, channels=channels)
    if changed is spec:
        return model
    network = build_network(changed.config)
    state = dict(model.network.state_dict())
    name = _head(spec.config)
    head, old = network.get_submodule(name), model.network.get_submodule(name)
    if (changed.label_names, changed.task) != (spec.label_names, spec.task):
        _initialise(head, torch.Generator().manual_seed(seed))
        if changed.task == "objects" and _is_one_class(spec):
            _keep_foreground(head, old, spec)
        state |= {f"{name}.{part}": value for part, value in head.state_dict().items()}
    elif spec.activation == "none":
        state[f"{name}.weight"], state[f"{name}.bias"] = _logits(old, spec)
    before, now = spec.config.in_channels, changed.config.in_channels
    if now != before:
        for first in _firsts(spec.config):
            mean = state[f"{first}.weight"].mean(dim=1, keepdim=True)
            state[f"{first}.weight"] = mean.expand(-1, now, *mean.shape[2:]) * (before / now)
    network.load_state_dict(state)
    return Model(changed, network.eval())


def _changed(config: Architecture, channels: dict[str, int]) -> Architecture:
    if isinstance(config, LayerGraph):
        return with_channels(config, **channels)
    return config.model_copy(update=channels)


def _head(config: Architecture) -> str:
    """Return the name of the convolution that gives the logits."""
    return head_name(config) if isinstance(config, LayerGraph) else "head"


def _firsts(config: Architecture) -> list[str]:
    """Return the names of the convolutions that see the image."""
    return first_names(config) if isinstance(config, LayerGraph) else ["encoder.0.0.conv"]


def _is_one_class(spec: ModelSpec) -> bool:
    """Whether a model has a single output for a single class of pixels."""
    return spec.task == "semantic" and spec.config.out_channels == 1


def _logits(head: Any, spec: ModelSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias of a head as a sigmoid wants them."""
    weight, bias = head.weight.detach(), head.bias.detach()
    if spec.activation == "none":
        # a sigmoid with slope 1 that crosses one half where the output crosses its threshold
        return weight * 4, (bias - spec.threshold) * 4
    return weight, bias


def _keep_foreground(head: Any, old: Any, spec: ModelSpec) -> None:
    """Give the foreground of a new head of objects the output that a model has for its class."""
    with torch.no_grad():
        weight, bias = _logits(old, spec)
        channel = OBJECT_OUTPUTS.index("foreground")
        head.weight[channel], head.bias[channel] = weight[0], bias[0]


def _class_fields(classes: tuple[str, ...], task: Task) -> dict[str, Any]:
    if task == "objects":
        return {"task": task, "threshold": 0.5}
    if len(classes) == 1:
        return {"task": task, "classes": classes, "activation": "sigmoid", "threshold": 0.5}
    return {"task": task, "classes": ("background", *classes), "activation": "softmax"}


def _out_channels(classes: tuple[str, ...], task: Task) -> int:
    if task == "objects":
        return len(OBJECT_OUTPUTS)
    return 1 if len(classes) == 1 else len(classes) + 1


def _strides(depth: int, spacing: Sequence[float]) -> tuple[tuple[int, ...], ...]:
    """Choose strides that pool an axis only while its pixels are less than twice the finest."""
    sizes, strides = list(spacing), []
    for _ in range(depth):
        finest = min(sizes)
        stride = tuple(2 if size < 2 * finest else 1 for size in sizes)
        sizes = [size * step for size, step in zip(sizes, stride, strict=True)]
        strides.append(stride)
    return tuple(strides)


def _initialise(module: Any, generator: torch.Generator) -> None:
    """Draw weights of variance 2 / fan-in, for ReLUs (He et al. 2015, arXiv:1502.01852)."""
    transposed = isinstance(module, (nn.ConvTranspose2d, nn.ConvTranspose3d))
    fan = module.weight.shape[0] if transposed else module.weight[0].numel()
    with torch.no_grad():
        module.weight.normal_(0, (2 / fan) ** 0.5, generator=generator)
        if module.bias is not None:
            module.bias.zero_()
