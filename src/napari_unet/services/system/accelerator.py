"""PyTorch and the devices it can use."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from napari_unet.services.system.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

TORCH_ADVICE = "See https://pytorch.org/get-started/locally for the command that installs it."


def examine_torch(cards: list[str]) -> list[Finding]:
    """Check PyTorch and which of the computer's devices it can use.

    Parameters
    ----------
    cards
        Names of the NVIDIA cards that their driver reports.
    """
    try:
        import torch

        from napari_unet.core.device import available_devices, cpu_has_fast_bfloat16
    except (ImportError, OSError) as error:  # OSError: a shared library that can't be loaded
        return [Finding("PyTorch", False, f"can't be imported: {error}", TORCH_ADVICE)]
    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    half = "with" if cpu_has_fast_bfloat16() else "without"
    processor = (
        f"{torch.get_num_threads()} threads on {os.cpu_count()} logical processors, "
        f"{half} fast 16-bit units (bfloat16)"
    )
    return [
        Finding("PyTorch", True, f"{torch.__version__}, built {build}"),
        describe_accelerator(cards, available_devices(), torch.version.cuda),
        Finding("Processor", True, processor),
    ]


def describe_accelerator(cards: Sequence[str], devices: Sequence[str], cuda: str | None) -> Finding:
    """Say which graphics card PyTorch uses, or why it uses none.

    Parameters
    ----------
    cards
        Names of the NVIDIA cards that their driver reports.
    devices
        Names of the devices that PyTorch can use.
    cuda
        The CUDA version PyTorch was built for; ``None`` without CUDA.
    """
    title = "Graphics card"
    if "cuda" in devices:
        return Finding(title, True, f"PyTorch uses {', '.join(cards) or 'the CUDA card'}")
    if "mps" in devices:
        return Finding(title, True, "PyTorch uses the Apple chip (MPS)")
    if not cards:
        return Finding(title, None, "none that PyTorch can use: networks run on the processor")
    if cuda is None:
        detail = f"this PyTorch is built for processors only and can't use {', '.join(cards)}"
        return Finding(title, None, detail, f"Install PyTorch for CUDA. {TORCH_ADVICE}")
    detail = f"PyTorch for CUDA {cuda} can't use {', '.join(cards)}"
    return Finding(title, None, detail, "Install the latest NVIDIA driver and restart.")


def nvidia_cards() -> list[str]:
    """Name, memory and driver version of each NVIDIA card, as the driver's own tool reports them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        end = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in end.stdout.splitlines() if line.strip()]
