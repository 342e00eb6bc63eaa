"""The plans of nnU-Net v2: what its networks expect of an image, and what they tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from napari_unet.core.image.normalization import Normalization
from napari_unet.core.importers.families.layouts import NotThisLayoutError

if TYPE_CHECKING:
    from napari_unet.core.importers.families.recognised import Beside

_ACTIVATIONS: dict[str, Literal["relu", "leaky_relu", "elu", "gelu", "silu", "mish"]] = {
    "LeakyReLU": "leaky_relu",
    "ReLU": "relu",
    "ELU": "elu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
}
_MILLIMETRES = ("SimpleITKIO", "SimpleITKIOWithReorient", "NibabelIO", "NibabelIOWithReorient")
"""Readers whose spacing is in millimetres."""


@dataclass(frozen=True)
class Plans:
    """What a checkpoint, or the files of its folder, say of a network.

    Attributes
    ----------
    plans, dataset
        The contents of ``plans.json`` and ``dataset.json``; empty where they are missing.
    configuration
        That of the network, such as ``3d_fullres``, with all it inherits.
    """

    plans: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_saved(cls, beside: Beside) -> Plans:
        """Find the plans in what was saved beside the weights.

        Raises
        ------
        NotThisLayoutError
            When the network is the second of a cascade.
        """
        saved = _mapping(beside.get("init_args"))
        plans, dataset = _mapping(saved.get("plans")), _mapping(saved.get("dataset_json"))
        configurations = _mapping(plans.get("configurations"))
        chain: list[Mapping[str, Any]] = []
        name = str(saved.get("configuration"))
        while name in configurations and len(chain) < len(configurations):
            chain.append(_mapping(configurations[name]))
            name = str(chain[-1].get("inherits_from"))
        configuration = {k: v for entry in reversed(chain) for k, v in entry.items()}
        if configuration.get("previous_stage"):
            raise NotThisLayoutError(
                "the second network of a cascade needs the output of the first"
            )
        return cls(plans, dataset, configuration)

    @property
    def _arguments(self) -> Mapping[str, Any]:
        return _mapping(_mapping(self.configuration.get("architecture")).get("arch_kwargs"))

    @property
    def activation(self) -> tuple[Any, float]:
        """The function after each norm, and its slope."""
        if self._arguments.get("nonlin_first"):
            raise NotThisLayoutError("its functions come before the norms")
        name = str(self._arguments.get("nonlin") or "LeakyReLU").rpartition(".")[2]
        if name not in _ACTIVATIONS:
            raise NotThisLayoutError(f"the function {name} is not known")
        kwargs = _mapping(self._arguments.get("nonlin_kwargs"))
        slope = kwargs.get("negative_slope", 1.0 if name == "ELU" else 0.01)
        return _ACTIVATIONS[name], float(slope)

    def axes(self, ndim: int) -> tuple[int, ...]:
        """Return the axis of the network for each spatial axis of our images."""
        order = [int(axis) for axis in self.plans.get("transpose_forward") or (0, 1, 2)]
        if sorted(order) != [0, 1, 2]:
            raise NotThisLayoutError(f"its axes are transposed by {order}")
        if ndim == 2:
            if order[0] != 0:
                raise NotThisLayoutError("its planes do not lie along Y and X")
            order = [axis - 1 for axis in order[1:]]
        return tuple(order.index(axis) for axis in range(ndim))

    def normalization(self, channels: int) -> Normalization:
        """Return how pixel values are normalised.

        Raises
        ------
        NotThisLayoutError
            When the channels differ in that.
        """
        schemes = list(self.configuration.get("normalization_schemes") or ["ZScoreNormalization"])
        schemes = schemes * channels if len(schemes) == 1 else schemes
        kinds = {str(scheme).removesuffix("Normalization") for scheme in schemes}
        if kinds == {"ZScore"}:
            return Normalization(kind="zscore", epsilon=1e-8)
        if kinds == {"RescaleTo01"}:
            return Normalization(kind="percentile", low=0, high=100, epsilon=1e-8)
        if not kinds <= {"No", "RGBTo01", "CT"} or ("CT" in kinds and len(kinds) > 1):
            raise NotThisLayoutError(f"its channels are normalised by {', '.join(sorted(kinds))}")
        if "CT" in kinds:
            return self._ct(channels)
        gains = tuple(1 / 255 if str(scheme).startswith("RGB") else 1.0 for scheme in schemes)
        return Normalization(kind="linear", gain=gains, offset=(0.0,) * channels)

    def _ct(self, channels: int) -> Normalization:
        known = _mapping(self.plans.get("foreground_intensity_properties_per_channel"))
        gains, offsets, clips = [], [], set()
        for channel in range(channels):
            values = _mapping(known.get(str(channel)))
            try:
                gain = 1 / max(float(values["std"]), 1e-8)
                offset = -float(values["mean"]) * gain
                low, high = float(values["percentile_00_5"]), float(values["percentile_99_5"])
            except KeyError as error:
                raise NotThisLayoutError(f"its plans lack {error} of channel {channel}") from error
            gains.append(gain)
            offsets.append(offset)
            clips.add((low * gain + offset, high * gain + offset))
        if len(clips) > 1:
            raise NotThisLayoutError("its channels are clipped to different values")
        return Normalization(
            kind="linear", gain=tuple(gains), offset=tuple(offsets), clip=clips.pop()
        )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        names = _mapping(self.dataset.get("channel_names") or self.dataset.get("modality"))
        return tuple(str(names[key]) for key in sorted(names, key=lambda key: int(key)))

    @property
    def has_regions(self) -> bool:
        """Whether outputs are regions that may overlap, each with a probability of its own."""
        values = _mapping(self.dataset.get("labels")).values()
        return any(isinstance(value, (list, tuple)) and len(value) > 1 for value in values)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs."""
        labels = {k: v for k, v in _mapping(self.dataset.get("labels")).items() if k != "ignore"}
        if self.has_regions:
            return tuple(str(k) for k, v in labels.items() if v not in (0, [0], (0,)))
        return tuple(str(k) for k in sorted(labels, key=lambda k: _number(labels[k])))

    @property
    def pixel_size(self) -> tuple[float, ...]:
        """Size of a pixel in micrometers; empty where the unit of the spacing is not known."""
        spacing = tuple(float(x) for x in self.configuration.get("spacing") or ())
        if not spacing or str(self.plans.get("image_reader_writer")) not in _MILLIMETRES:
            return ()
        return tuple(1000 * spacing[axis] for axis in self.axes(len(spacing)))

    @property
    def description(self) -> str:
        """What the user should know."""
        parts = []
        if self.plans.get("dataset_name"):
            parts.append(f"nnU-Net for {self.plans['dataset_name']}.")
        if not self.plans:
            parts.append(
                "Its plans are missing; normalising to zero mean is what nnU-Net usually does."
            )
        if self.configuration.get("spacing") and not self.pixel_size:
            spacing = " × ".join(f"{float(x):g}" for x in self.configuration["spacing"])
            parts.append(f"It was trained at a pixel size of {spacing}, in an unknown unit.")
        if any(self.configuration.get("use_mask_for_norm") or ()):
            parts.append(
                "In training, only pixels other than 0 were normalised; here all pixels are."
            )
        return " ".join(parts)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> int:
    return int(value[0] if isinstance(value, (list, tuple)) else value)
