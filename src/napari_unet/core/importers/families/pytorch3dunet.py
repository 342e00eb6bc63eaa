"""Networks of pytorch-3dunet and PlantSeg: UNet3D and ResidualUNet3D, also in 2-D.

Wolny et al. 2020, 10.7554/eLife.57613; names as in wolny/pytorch-3dunet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers.families.builder import IMAGE, Builder
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.families.recognised import Recognised

if TYPE_CHECKING:
    from napari_unet.core.importers.families.layouts import Tensors
    from napari_unet.core.importers.families.recognised import Beside

_FUNCTIONS: dict[str, tuple[Literal["relu", "leaky_relu", "elu"], float]] = {
    "r": ("relu", 0.0),
    "l": ("leaky_relu", 0.01),
    "e": ("elu", 1.0),
}
_SUM_SLOPE = 0.1
"""Slope of the leaky ReLU after a sum."""


def pytorch_3dunet(tensors: Tensors, beside: Beside) -> Recognised | None:
    """Recognise a network of pytorch-3dunet; its configuration is among what lies beside the weights."""
    plain = "encoders.0.basic_module.SingleConv1.conv"
    residual = "encoders.0.basic_module.conv2.conv"
    if f"{plain}.weight" not in tensors and f"{residual}.weight" not in tensors:
        return None
    if any(".se_module." in key for key in tensors):
        raise NotThisLayoutError("squeeze and excitation looks at the whole image")
    first = plain
    if f"{plain}.weight" not in tensors:
        first = "encoders.0.basic_module.conv1"
        first = first if f"{first}.weight" in tensors else residual
    build = Builder(tensors, first)
    options, raw = _options(beside)
    network = _Network(build, options)
    network.build()
    sigmoid = options.get("final_sigmoid", True)
    return Recognised(
        family="pytorch-3dunet",
        candidates=[build.finish()],
        normalization=_normalization(raw),
        activation="sigmoid" if sigmoid else "softmax",
        description=""
        if options
        else "Its configuration is missing: what weights do not tell is taken to be as usual.",
    )


def _options(beside: Beside) -> tuple[Mapping[str, Any], list[Any]]:
    """Return the options of the network, and the transformations of raw images."""
    config = _mapping(beside.get("config_yaml"))
    model = _mapping(config.get("model"))
    loaders = _mapping(config.get("loaders"))
    for phase in ("test", "val", "train"):
        # with a file pattern of its own each, as far as the version has them
        transformer = _mapping(_mapping(loaders.get(phase)).get("transformer"))
        raw = transformer.get("raw")
        if isinstance(raw, list):
            return model, raw
    return model or config if "f_maps" in config or model else {}, []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _normalization(raw: list[Any]) -> Normalization:
    """Return the normalisation among the transformations; the usual one if there is none."""
    for step in map(_mapping, raw):
        match step.get("name"):
            case "PercentileNormalizer":
                low, high = float(step.get("pmin", 1)), float(step.get("pmax", 99.6))
                epsilon = float(step.get("eps", 1e-10))
                return Normalization(kind="percentile", low=low, high=high, epsilon=epsilon)
            case "Standardize" if "mean" in step and "std" in step:
                gain = 1 / max(float(step["std"]), float(step.get("eps", 1e-10)))
                return Normalization(
                    kind="linear", gain=(gain,), offset=(-float(step["mean"]) * gain,)
                )
            case "Normalize" if "min_value" in step and "max_value" in step:
                low, high = float(step["min_value"]), float(step["max_value"])
                # to the range from -1 to 1, unless it says otherwise
                gain, offset = 1 / (high - low), -low / (high - low)
                if step.get("norm01", False) is not True:
                    gain, offset = 2 * gain, 2 * offset - 1
                limits = (0.0, 1.0) if step.get("norm01", False) is True else (-1.0, 1.0)
                return Normalization(kind="linear", gain=(gain,), offset=(offset,), clip=limits)
            case "Normalize" if step.get("norm01", False) is True:
                return Normalization(
                    kind="percentile", low=0, high=100, epsilon=1e-10, per_channel=False
                )
            case "Normalize":
                raise UserError(
                    "The normalisation of this network can't be repeated",
                    value="Normalize between the extremes of each image, to −1 … 1",
                    rule="Extremes become 0 and 1, or fixed values do −1 and 1.",
                    remedy="If all images have the same range, write it into config.yaml: min_value, "
                    "max_value.",
                )
    return Normalization(kind="zscore", per_channel=False, epsilon=1e-10)


class _Network:
    def __init__(self, build: Builder, options: Mapping[str, Any]) -> None:
        self._build = build
        self._order = str(options.get("layer_order") or "")
        self._groups = int(options.get("num_groups") or 8)
        self._pool: Any = options.get("pool_kernel_size") or 2
        if isinstance(self._pool, list):
            self._pool = tuple(self._pool)

    def build(self) -> None:
        build = self._build
        x, skips = IMAGE, []
        for level in range(build.count("encoders.{}.")):
            if level:
                skips.append(x)
                x = build.pool(x, self._pool)
            x = self._block(x, f"encoders.{level}.basic_module")
        for level in range(build.count("decoders.{}.")):
            name, skip = f"decoders.{level}", skips.pop()
            transposed = f"{name}.upsampling.upsample.conv_transposed"
            if build.has(transposed):
                # its output is a pixel too short, and brought to size by nearest neighbours: that
                # moves it by a pixel, as without padding
                x = build.repeat_first(build.transposed(x, transposed, self._pool))
            else:
                x = build.upsample(x, self._pool, "nearest")
            concatenated = build.has(f"{name}.basic_module.SingleConv1.conv")
            x = build.concatenate(skip, x) if concatenated else build.add(skip, x)
            x = self._block(x, f"{name}.basic_module")
        build.conv(x, "final_conv", bias=True)

    def _block(self, x: int, name: str) -> int:
        if self._build.has(f"{name}.SingleConv1.conv"):
            return self._single(self._single(x, f"{name}.SingleConv1"), f"{name}.SingleConv2")
        skip = x
        if self._build.has(f"{name}.conv1"):
            skip = self._build.conv(x, f"{name}.conv1")
        out = self._single(skip, f"{name}.conv2")
        out = self._build.add(self._single(out, f"{name}.conv3", activate=False), skip)
        kind, slope = self._function()
        return self._build.activate(out, kind, _SUM_SLOPE if kind == "leaky_relu" else slope)

    def _function(self) -> tuple[Any, float]:
        letters = [letter for letter in self._order if letter in _FUNCTIONS]
        return _FUNCTIONS[letters[0] if letters else "r"]

    def _single(self, x: int, name: str, *, activate: bool = True) -> int:
        build = self._build
        norm = next((n for n in ("groupnorm", "batchnorm") if build.has(f"{name}.{n}")), None)
        order = self._order or self._shown_order(name, norm)
        for letter in order:
            if letter == "c":
                x = build.conv(x, f"{name}.conv")
            elif letter in "gb" and norm is not None:
                wanted = self._groups if norm == "groupnorm" else 0
                groups = 1 if wanted and build.width(x) < wanted else wanted
                x = build.norm(x, f"{name}.{norm}", groups=groups)
            elif letter in _FUNCTIONS and activate:
                x = build.activate(x, *_FUNCTIONS[letter])
        return x

    def _shown_order(self, name: str, norm: str | None) -> str:
        """Return the order of layers, as that of the names in the state dict shows it."""
        if norm is None:
            return "cr"
        names = list(self._build.remaining)
        first = names.index(f"{name}.{norm}.weight") < names.index(f"{name}.conv.weight")
        return f"{norm[0]}cr" if first else f"c{norm[0]}r"
