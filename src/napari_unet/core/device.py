"""The device that computes, its precision and its free memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from napari_unet.core.errors import UserError
from napari_unet.core.host_memory import free_memory
from napari_unet.core.memory_units import bytes_of_gib

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16", "int8"]

_CPU_MEMORY_FRACTION = 0.6
"""Fraction of the free memory that a run may plan to use: other programs need memory, too."""

_GPU_MEMORY_FRACTION = 0.85
"""As above, on a GPU."""

_BFLOAT16_CAPABILITY = (8, 0)
"""CUDA compute capability from which bfloat16 has fast units (Ampere)."""


@dataclass(frozen=True)
class Compute:
    """Device and number format that a network runs in.

    Attributes
    ----------
    device
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    precision
        ``"float32"``, ``"bfloat16"``, ``"float16"`` or, except with torch, ``"int8"``.
    engine
        ``"torch"``, ``"openvino"`` or ``"onnx"``; the last two compute on the CPU only.
    """

    device: str
    precision: str
    engine: str = "torch"

    @property
    def dtype(self) -> torch.dtype:
        """The precision as a torch type; that of torch itself."""
        dtype = getattr(torch, self.precision)
        assert isinstance(dtype, torch.dtype)
        return dtype

    @property
    def free_memory(self) -> int:
        """Bytes of the device's memory that a run may plan to use."""
        if self.device == "cuda":
            free, _ = torch.cuda.mem_get_info()
            idle = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return int((free + idle) * _GPU_MEMORY_FRACTION)
        if self.device == "mps":
            room = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
            return int(max(room, 0) * _GPU_MEMORY_FRACTION)
        return int(free_memory() * _CPU_MEMORY_FRACTION)

    def budget(self, gib: float | None) -> int:
        """Return the bytes a run may use.

        Parameters
        ----------
        gib
            What the user allows, in GiB; None: `free_memory`.
        """
        allowed = bytes_of_gib(gib)
        return self.free_memory if allowed is None else allowed

    def release(self) -> None:
        """Return memory that torch has cached to the device."""
        if self.device == "cuda":
            torch.cuda.empty_cache()
        elif self.device == "mps":
            torch.mps.empty_cache()


def choose_device(device: DeviceName = "auto", precision: PrecisionName = "auto") -> Compute:
    """Choose the device and precision to compute with.

    Parameters
    ----------
    device
        ``"auto"``: the fastest one of this machine.
    precision
        ``"auto"``: the fastest one of the device that is accurate enough for segmentation.

    Raises
    ------
    UserError
        When this machine lacks the device, or the device can't compute in the precision.
    """
    devices = available_devices()
    if device == "auto":
        device = devices[0]
    elif device not in devices:
        raise UserError(
            f"The device {device!r} is not available",
            value=f"torch {torch.__version__} finds {', '.join(devices)}",
            rule="The device must be one that torch finds on this machine.",
            remedy="Choose 'auto', or run 'napari-unet doctor' to see what to install.",
        )
    if precision == "auto":
        precision = fast_precision(device)
    if precision == "int8":
        raise UserError(
            "PyTorch does not compute in this precision",
            value="int8",
            rule="8 bits need OpenVINO, which computes on the CPU.",
            remedy="Choose the precision 'auto', or install napari-unet-studio[openvino], and leave "
            "device and engine on 'auto'.",
        )
    if precision == "float16" and device == "cpu":
        raise UserError(
            "The CPU can't compute in this precision",
            value="float16",
            rule="On the CPU, the precision is float32 or bfloat16.",
            remedy="Choose 'auto'.",
        )
    return Compute(device, precision)


def available_devices() -> list[DeviceName]:
    """Return the devices of this machine, fastest first."""
    devices: list[DeviceName] = []
    if torch.cuda.is_available():
        devices.append("cuda")
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def fast_precision(device: str) -> PrecisionName:
    """Return the fastest precision of a device that is accurate enough for segmentation."""
    if device == "cuda":
        # bfloat16 has the range of float32, so networks without normalisation can't overflow
        fast = torch.cuda.get_device_capability() >= _BFLOAT16_CAPABILITY
        return "bfloat16" if fast else "float16"
    if device == "mps":
        return "float16"
    return "bfloat16" if cpu_has_fast_bfloat16() else "float32"


def cpu_has_fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    # older versions of torch lack these; float32 is always right
    checks = [getattr(torch.cpu, name, None) for name in names]
    return any(check is not None and check() for check in checks)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the memory of the device is full."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # the CPU and MPS allocators raise a plain RuntimeError that only its text tells apart
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "DefaultCPUAllocator" in text or "out of memory" in text
    )
