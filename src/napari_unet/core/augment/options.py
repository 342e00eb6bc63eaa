"""How strongly training patches vary."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class AugmentOptions(BaseModel):
    """How strongly patches vary in training; the defaults suit most microscopy.

    Lengths are in pixels of the finest axis; the pixel size converts them for the other axes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: float = Field(
        1.0,
        ge=0,
        le=2,
        title="Augmentation",
        description="Multiplies all amounts below; 0: patches are not changed.",
        json_schema_extra={"look": "slider", "step": 0.1, "decimals": 1, "unit": "×"},
    )
    rotation: float = Field(
        180.0,
        ge=0,
        le=180,
        title="Rotation",
        description="Largest angle in the plane, in degrees.",
        json_schema_extra={"unit": "°", "step": 15, "decimals": 0},
    )
    tilt: float = Field(
        10.0,
        ge=0,
        le=45,
        title="Tilt",
        description="Largest angle out of the plane, in degrees; 3-D only, and only where voxels are "
        "at most twice as deep as wide.",
        json_schema_extra={"unit": "°", "step": 5, "decimals": 0},
    )
    scale: float = Field(
        0.2,
        ge=0,
        le=1,
        title="Scale",
        description="Largest change of size; 0.2: between 1/1.2 and 1.2 times the true size.",
        json_schema_extra={"step": 0.05},
    )
    shear: float = Field(
        5.0,
        ge=0,
        le=30,
        title="Shear",
        description="Largest angle of shear in the plane, in degrees.",
        json_schema_extra={"unit": "°", "decimals": 0},
    )
    mirror: str = Field(
        "ZYX",
        pattern="^Z?Y?X?$",
        title="Mirror",
        description="Axes that may be mirrored.",
        json_schema_extra={"choices": ["ZYX", "YX", "ZX", "ZY", "X", "Y", "Z", ["none", ""]]},
    )
    elastic: float = Field(
        10.0,
        ge=0,
        le=200,
        title="Elastic deformation",
        description="Largest displacement of a control point, in pixels; limited so that nothing folds "
        "over.",
        json_schema_extra={"unit": "px", "decimals": 0},
    )
    grid: float = Field(
        48.0,
        ge=4,
        le=1000,
        title="Elastic grid",
        description="Distance between control points, in pixels: about the size of what is deformed.",
        json_schema_extra={"unit": "px", "step": 8, "decimals": 0},
    )
    gain: float = Field(
        0.2,
        ge=0,
        le=2,
        title="Contrast",
        description="Largest change of contrast; 0.2: between 1/1.2 and 1.2 times the true contrast.",
        json_schema_extra={"step": 0.05},
    )
    brightness: float = Field(
        0.2,
        ge=0,
        le=2,
        title="Brightness",
        description="Largest offset, in standard deviations of the patch.",
        json_schema_extra={"step": 0.05},
    )
    background: float = Field(
        1.0,
        ge=0,
        le=5,
        title="Uneven background",
        description="Largest offset that varies smoothly over the patch, like stray light, in standard "
        "deviations of the patch; half of the patches get none.",
        json_schema_extra={"step": 0.1},
    )
    gamma: float = Field(
        0.3,
        ge=0,
        le=2,
        title="Gamma",
        description="0.3: exponents between 1/1.3 and 1.3; mean and contrast are kept.",
        json_schema_extra={"step": 0.05},
    )
    noise: float = Field(
        0.1,
        ge=0,
        le=2,
        title="Noise",
        description="Largest sigma of Gaussian noise, in standard deviations of the patch; half of the "
        "patches get none.",
        json_schema_extra={"step": 0.05},
    )
    blur: float = Field(
        1.0,
        ge=0,
        le=10,
        title="Blur",
        description="Largest sigma of Gaussian blur, in pixels; half of the patches get none.",
        json_schema_extra={"unit": "px", "step": 0.5, "decimals": 1},
    )
    invert: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Inverted contrast",
        description="Part of the patches whose bright and dark are exchanged; for networks that are to "
        "know objects darker and brighter than what is around them.",
        json_schema_extra={"step": 0.1},
    )
