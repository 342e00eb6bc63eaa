"""nnU-Net v2: networks from plans, with nnU-Net's own normalisation."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from nnunetv2.preprocessing.normalization import default_normalization_schemes as schemes
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from torch import nn

from foreign_makers.made import Array, Made, raw_image

INTENSITIES = {"mean": 2000.0, "std": 700.0, "percentile_00_5": 500.0, "percentile_99_5": 3500.0}


class Ensemble(nn.Module):
    """The mean of the logits of some folds, as nnU-Net's predictor gives it."""

    def __init__(self, folds: list[nn.Module]) -> None:
        super().__init__()
        self.folds = nn.ModuleList(folds)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits."""
        outputs = [fold(x) for fold in self.folds]
        outputs = [o[0] if isinstance(o, (list, tuple)) else o for o in outputs]
        return sum(outputs) / len(outputs)


def make(
    *,
    ndim: int = 2,
    channels: int = 1,
    residual: bool = False,
    batch_norm: bool = False,
    strides: tuple = (1, 2, 2),
    kernels: tuple = (3, 3, 3),
    folds: int = 1,
    scheme: str = "ZScoreNormalization",
    labels: dict | None = None,
    base: int = 4,
    size: tuple = (),
    transpose: tuple = (0, 1, 2),
    whole_folder: bool = True,
    deep_supervision: bool = True,
) -> Made:
    """Make a model folder, or a single checkpoint."""
    labels = labels or {"background": 0, "cell": 1, "nucleus": 2}
    each = lambda n: [n] * ndim if isinstance(n, int) else list(n)  # noqa: E731
    norm = "batchnorm.BatchNorm" if batch_norm else "instancenorm.InstanceNorm"
    n = len(strides)
    kind = "ResidualEncoderUNet" if residual else "PlainConvUNet"
    arguments = {
        "n_stages": n,
        "features_per_stage": [base * 2 ** min(i, 2) for i in range(n)],
        "conv_op": f"torch.nn.modules.conv.Conv{ndim}d",
        "kernel_sizes": [each(k) for k in kernels],
        "strides": [each(s) for s in strides],
        "n_conv_per_stage_decoder": [1 if residual else 2] * (n - 1),
        "conv_bias": True,
        "norm_op": f"torch.nn.modules.{norm}{ndim}d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
        "n_blocks_per_stage" if residual else "n_conv_per_stage": [1, 2, 2, 2][:n]
        if residual
        else [2] * n,
    }
    configuration = "2d" if ndim == 2 else "3d_fullres"
    plans = {
        "dataset_name": "Dataset001_Cells",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": list(transpose),
        "transpose_backward": list(np.argsort(transpose)),
        "foreground_intensity_properties_per_channel": {
            str(c): INTENSITIES for c in range(channels)
        },
        "configurations": {
            "base": {
                "normalization_schemes": [scheme] * channels,
                "use_mask_for_norm": [False] * channels,
            },
            configuration: {
                "inherits_from": "base",
                "spacing": [0.004, 0.001, 0.002][-ndim:],
                "patch_size": [64] * ndim,
                "architecture": {
                    "network_class_name": f"dynamic_network_architectures.architectures.unet.{kind}",
                    "arch_kwargs": arguments,
                    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
                },
            },
        },
    }
    plans["transpose_backward"] = [int(i) for i in plans["transpose_backward"]]
    dataset = {
        "channel_names": {str(c): f"dye {c}" for c in range(channels)},
        "labels": labels,
        "file_ending": ".nii.gz",
    }
    outputs = len(labels) - (any(isinstance(v, (list, tuple)) for v in labels.values()))
    needs = ["conv_op", "norm_op", "dropout_op", "nonlin"]
    networks = [
        get_network_from_plans(
            f"dynamic_network_architectures.architectures.unet.{kind}",
            dict(arguments),
            needs,
            channels,
            outputs,
            deep_supervision=deep_supervision,
        )
        for _ in range(folds)
    ]

    def preprocess(image: Array) -> Array:
        normalise = getattr(schemes, scheme)(
            use_mask_for_norm=False, intensityproperties=INTENSITIES
        )
        turned = image.transpose(0, *(1 + a for a in transpose)) if ndim == 3 else image
        return np.stack([normalise.run(channel.astype(np.float32)) for channel in turned])

    def save(folder: Path, name: str) -> None:
        for fold, network in enumerate(networks):
            path = folder / name / f"fold_{fold}" / "checkpoint_final.pth"
            if not whole_folder:
                path = folder / f"{name}.pth"
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(
                {
                    "network_weights": network.state_dict(),
                    "optimizer_state": {},
                    "grad_scaler_state": None,
                    "logging": {
                        "mean_fg_dice": [np.float64(0.5)],
                        "ema_fg_dice": [np.float32(0.5)],
                    },
                    "_best_ema": np.float64(0.5),
                    "current_epoch": 1000,
                    "init_args": {
                        "plans": plans,
                        "configuration": configuration,
                        "fold": fold,
                        "dataset_json": dataset,
                        "device": torch.device("cpu"),
                    },
                    "trainer_name": "nnUNetTrainer",
                    "inference_allowed_mirroring_axes": (0, 1),
                },
                path,
            )
        if whole_folder:
            (folder / name / "plans.json").write_text(json.dumps(plans))
            (folder / name / "dataset.json").write_text(json.dumps(dataset))

    class Turned(Ensemble):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """Compute the logits along the axes of the image."""
            out = super().forward(x)
            if ndim == 2:
                return out
            return out.permute(0, 1, *(2 + int(a) for a in np.argsort(transpose)))

    shape = size or ((48, 64) if ndim == 2 else (12, 16, 20))
    top = 256 if scheme.startswith("RGB") else 4096
    image = raw_image(channels, *shape, top=top)
    return Made(Turned(networks), image, save, preprocess)


MAKERS = {
    "nnunet_2d": (make, False),
    "nnunet_2d_small": (partial(make, base=2, size=(24, 28)), True),
    "nnunet_2d_batch": (
        partial(make, batch_norm=True, channels=2, whole_folder=False, size=(96, 128)),
        False,
    ),
    "nnunet_2d_regions": (
        partial(
            make,
            labels={"background": 0, "whole": [1, 2], "core": [2]},
            scheme="RescaleTo01Normalization",
        ),
        False,
    ),
    "nnunet_3d_ct": (
        partial(
            make,
            ndim=3,
            scheme="CTNormalization",
            kernels=((1, 3, 3), 3, 3),
            strides=(1, (1, 2, 2), 2),
            transpose=(1, 0, 2),
            base=2,
            size=(12, 4, 12),
        ),
        True,
    ),
    "nnunet_3d_rgb": (
        partial(make, ndim=3, scheme="RGBTo01Normalization", channels=3, deep_supervision=False),
        False,
    ),
    "nnunet_2d_batch_small": (
        partial(
            make,
            batch_norm=True,
            base=2,
            whole_folder=False,
            size=(64, 24),
            strides=(1, 2),
            kernels=(3, 3),
        ),
        True,
    ),
    "nnunet_residual_2d_batch": (
        partial(make, residual=True, batch_norm=True, size=(96, 128)),
        False,
    ),
    "nnunet_residual_3d_folds": (
        partial(
            make, ndim=3, residual=True, folds=2, base=2, size=(8, 8, 12), scheme="NoNormalization"
        ),
        True,
    ),
}
