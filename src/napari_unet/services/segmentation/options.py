"""What a user can set about a segmentation, and what it means for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.object_options import ObjectOptions

if TYPE_CHECKING:
    from napari_unet.core.model.spec import ModelSpec


class SegmentOptions(BaseModel):
    """How to segment; the defaults suit most images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[int | str, ...] | None = Field(
        None,
        title="Channels",
        description="Image channels to use as the network's inputs, by number (from 0) or name. Colours "
        "can become one channel: luminance, inverted, hematoxylin, eosin or dab. None: the first ones; "
        "of colours luminance, or hematoxylin where tissue looks stained.",
        json_schema_extra={"none": "the first ones"},
    )
    normalization: Normalization | None = Field(
        None,
        title="Normalisation",
        description="How intensities are scaled. None: as the model was trained.",
        json_schema_extra={"none": "as trained", "by": "kind"},
    )
    diameter: float | None = Field(
        None,
        ge=2,
        allow_inf_nan=False,
        title="Diameter",
        description="Typical diameter of the objects in pixels: the image is resampled so that they "
        "are as large as those the network learnt. None: estimated, if the network states a diameter.",
        json_schema_extra={"none": "estimated", "unit": "px", "step": 1.0, "decimals": 1},
    )
    rescale: bool = Field(
        True,
        title="Rescale",
        description="Resample the image so that its objects are as large as those the network learnt: "
        "by their diameter or, if the network states none, by the pixel sizes. The result has the "
        "image's own pixels.",
    )
    pixel_size: float | None = Field(
        None,
        gt=0,
        title="Pixel size",
        description="Width of the image's pixels in µm, for rescaling, if the image states none or a "
        "wrong one. None: as stated.",
        json_schema_extra={"none": "as stated", "unit": "µm", "step": 0.05, "decimals": 4},
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Threshold",
        description="Probability above which a pixel is foreground. None: the model's own. No effect on "
        "models whose classes exclude each other.",
        json_schema_extra={"look": "slider"},
    )
    objects: bool | None = Field(
        None,
        title="Objects",
        description="Number the objects rather than label classes. None: as the model was trained. With "
        "a model of classes, objects are the connected parts.",
        json_schema_extra={
            "none": "as trained",
            "choices": [["number objects", True], ["label classes", False]],
        },
    )
    separation: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Separation",
        description="Objects only: how deep inside an object its core begins, as a share of the depth "
        "of its middle. Higher values split more. None: the model's own.",
        json_schema_extra={"look": "slider"},
    )
    smallest: float | None = Field(
        None,
        ge=0,
        title="Smallest object",
        description="Objects only: smaller ones are removed. In the image's unit squared, cubed for "
        "volumes; in pixels if the pixel size is unknown. None: 10 pixels.",
        json_schema_extra={"none": "10 pixels"},
    )
    fill_holes: bool = Field(
        True,
        title="Fill holes",
        description="Objects only: fill holes inside objects.",
    )
    mirror: bool = Field(
        False,
        title="Mirror",
        description="Average over mirror images: somewhat better, but takes 4 times as long for planes "
        "and 8 times for volumes.",
    )
    probabilities: bool = Field(
        False, title="Probabilities", description="Also keep the probability of each class."
    )
    uncertainty: bool = Field(
        False,
        title="Uncertainty",
        description="Also keep how unsure the network is of each pixel, from 0 to 1.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", title="Device", description="auto: the graphics card, if there is one, or the CPU."
    )
    engine: Literal["auto", "torch", "openvino", "onnx"] = Field(
        "auto",
        title="Engine",
        description="What computes the network. auto: OpenVINO on the processor, if it is installed, as "
        "it is faster there; otherwise PyTorch.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto",
        title="Precision",
        description="auto: 16 bit if the device is faster with it. float32 is exactly reproducible. "
        "int8, with OpenVINO: fastest on processors with 8-bit units; each image is first tried on a "
        "small window, and computed in 32 bits where 8 change it.",
    )
    tile: int | None = Field(
        None,
        ge=1,
        title="Tile",
        description="Side of the tiles in pixels. None: as large as memory allows.",
        json_schema_extra={"unit": "px", "step": 64},
    )
    memory: float | None = Field(
        None,
        gt=0,
        title="Memory",
        description="GiB that may be used. None: what is free.",
        json_schema_extra={"unit": "GiB"},
    )


def labels_are_objects(spec: ModelSpec, options: SegmentOptions) -> bool:
    """Whether labels are numbers of objects, rather than classes."""
    return spec.task == "objects" if options.objects is None else options.objects


def object_options(spec: ModelSpec, options: SegmentOptions) -> ObjectOptions:
    """Return how objects are derived from a model's outputs."""
    return ObjectOptions(
        foreground=spec.threshold if options.threshold is None else options.threshold,
        seed=spec.separation if options.separation is None else options.separation,
        smallest=options.smallest,
        fill_holes=options.fill_holes,
    )


def options_for(spec: ModelSpec) -> SegmentOptions:
    """Return the options that state what a model does by default."""
    return SegmentOptions(
        normalization=spec.normalization,
        threshold=spec.threshold,
        objects=spec.task == "objects",
        separation=spec.separation,
    )


def has_effect(name: str, spec: ModelSpec | None, objects: bool | None = None) -> bool:
    """Whether an option changes anything about a segmentation.

    Parameters
    ----------
    name
        A field of `SegmentOptions`.
    spec
        The model; None: none is loaded yet. One of objects, without a pixel size, is assumed.
    objects
        `SegmentOptions.objects` as it is set.
    """
    trained_on_objects = spec is None or spec.task == "objects"
    numbered = trained_on_objects if objects is None else objects
    match name:
        case "threshold":
            return spec is None or spec.activation != "softmax"
        case "separation":
            return trained_on_objects and numbered
        case "smallest" | "fill_holes":
            return numbered
        case "rescale":
            return spec is None or bool(spec.pixel_size or spec.diameter)
        case "pixel_size":
            return spec is not None and bool(spec.pixel_size)
        case "diameter":
            return spec is None or spec.diameter is not None
    return True
