"""Which device computes, in which precision, and how much memory it has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from napari_unet.core.errors import UserError
from napari_unet.core.memory_units import bytes_of_gib

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]

_CPU_SHARE = 0.6
"""Share of free memory to plan with: other programs run on a biologist's machine too."""
_GPU_SHARE = 0.85


@dataclass(frozen=True)
class Compute:
    """Where and in which number format a network runs.

    Attributes
    ----------
    device
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    precision
        ``"float32"``, ``"bfloat16"`` or ``"float16"``.
    """

    device: str
    precision: str

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of the precision."""
        found = getattr(torch, self.precision)
        assert isinstance(found, torch.dtype)
        return found

    @property
    def free_memory(self) -> int:
        """Bytes a run may plan to use."""
        if self.device == "cuda":
            free, _ = torch.cuda.mem_get_info()
            idle = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return int((free + idle) * _GPU_SHARE)
        if self.device == "mps":
            room = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
            return int(max(room, 0) * _GPU_SHARE)
        return int(psutil.virtual_memory().available * _CPU_SHARE)

    def budget(self, gib: float | None) -> int:
        """Bytes a run may use: what the user allows, in GiB, or what is free."""
        allowed = bytes_of_gib(gib)
        return self.free_memory if allowed is None else allowed

    def release(self) -> None:
        """Give cached memory back to the device."""
        if self.device == "cuda":
            torch.cuda.empty_cache()
        elif self.device == "mps":
            torch.mps.empty_cache()


def choose_device(device: DeviceName = "auto", precision: PrecisionName = "auto") -> Compute:
    """Resolve ``auto`` and refuse what this machine can't do.

    Raises
    ------
    UserError
        When the device isn't there or can't compute in the precision.
    """
    there = available_devices()
    if device == "auto":
        device = there[0]
    elif device not in there:
        raise UserError(
            f"The device {device!r} is not available",
            value=f"torch {torch.__version__} finds {', '.join(there)}",
            rule="The device must be one that torch finds on this machine.",
            remedy="Choose 'auto', or see what 'napari-unet doctor' says to install.",
        )
    if precision == "auto":
        precision = fast_precision(device)
    if precision == "float16" and device == "cpu":
        raise UserError(
            "CPUs do not compute in float16",
            value="precision 'float16' on the CPU",
            rule="On the CPU the precision is float32 or bfloat16.",
            remedy="Choose 'auto'.",
        )
    return Compute(device, precision)


def available_devices() -> list[DeviceName]:
    """Devices of this machine, the fastest first."""
    found: list[DeviceName] = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def fast_precision(device: str) -> PrecisionName:
    """Return the fastest precision of a device that is good enough for segmentation."""
    if device == "cuda":
        # bfloat16 has float32's range, so that networks without norm can't overflow
        return "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float16"
    if device == "mps":
        return "float16"
    return "bfloat16" if cpu_has_fast_bfloat16() else "float32"


def cpu_has_fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    # older torch versions lack these; then float32, which is always right
    checks = [getattr(torch.cpu, name, None) for name in names]
    return any(check is not None and check() for check in checks)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch means that the device's memory is full."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # the CPU and MPS allocators raise a plain RuntimeError: their text is all there is
    said = str(error)
    return isinstance(error, RuntimeError) and (
        "DefaultCPUAllocator" in said or "out of memory" in said
    )
