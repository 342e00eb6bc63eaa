"""Makers of checkpoints, one file for each package."""

from foreign_makers.monai import MAKERS as MONAI
from foreign_makers.nnunet import MAKERS as NNUNET
from foreign_makers.pytorch3dunet import MAKERS as PYTORCH_3DUNET
from foreign_makers.smp import MAKERS as SMP
from foreign_makers.torch_em import MAKERS as TORCH_EM

MAKERS = {**NNUNET, **SMP, **MONAI, **PYTORCH_3DUNET, **TORCH_EM}
"""By name: what makes it, and whether it is small enough for the tests."""
