"""Which engine computes, and in which precision."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from napari_unet.core.device import (
    Compute,
    DeviceName,
    PrecisionName,
    available_devices,
    choose_device,
    cpu_has_fast_bfloat16,
)
from napari_unet.core.engines.torch_engine import TorchEngine
from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.onnx.network import Range, to_onnx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.core.engines.engine import Engine
    from napari_unet.core.model.architecture import Network

EngineName = Literal["auto", "torch", "openvino", "onnx"]

_MODULES = {"openvino": "openvino", "onnx": "onnxruntime"}
_PRECISIONS = {
    "openvino": ("float32", "bfloat16", "int8"),
    "onnx": ("float32", "int8"),
}


def is_installed(engine: str) -> bool:
    """Whether an engine can be used here."""
    return engine == "torch" or find_spec(_MODULES[engine]) is not None


def choose_compute(
    device: DeviceName = "auto", precision: PrecisionName = "auto", engine: EngineName = "auto"
) -> Compute:
    """Choose device, precision and engine to compute with.

    Parameters
    ----------
    device, precision
        As in `choose_device`. ``"int8"`` needs OpenVINO or onnxruntime.
    engine
        ``"auto"``: OpenVINO on the CPU, if it is installed; else torch.

    Raises
    ------
    UserError
        When this machine lacks device or engine, or they can't compute in the precision.
    """
    resolved = available_devices()[0] if device == "auto" else device
    if engine == "auto":
        engine = _fastest_engine(resolved, precision)
    elif engine != "torch" and device == "auto":
        resolved = "cpu"
    if engine == "torch":
        return choose_device(resolved, precision)
    if not is_installed(engine):
        raise UserError(
            f"The engine {engine!r} is not installed",
            value=f"the package {_MODULES[engine]} is missing",
            rule="Engines other than torch are packages of their own.",
            remedy=f"Run: pip install 'napari-unet-studio[{engine}]', or choose the engine 'auto'.",
        )
    if resolved != "cpu":
        raise UserError(
            f"The engine {engine!r} does not compute on this device",
            value=resolved,
            rule="OpenVINO and onnxruntime compute on the CPU here.",
            remedy="Choose the device 'cpu', or the engine 'auto'.",
        )
    if precision == "auto":
        fast = engine == "openvino" and cpu_has_fast_bfloat16()
        precision = "bfloat16" if fast else "float32"
    if precision not in _PRECISIONS[engine]:
        raise UserError(
            f"The engine {engine!r} can't compute in this precision",
            value=precision,
            rule=f"It computes in {', '.join(_PRECISIONS[engine])}.",
            remedy="Choose 'auto'.",
        )
    return replace(choose_device("cpu", "float32"), precision=precision, engine=engine)


def _fastest_engine(device: str, precision: str) -> EngineName:
    # see benchmarks/engines.py: onnxruntime is slower than torch in 3-D and with fast 16-bit units
    if device == "cpu" and precision != "float16" and is_installed("openvino"):
        return "openvino"
    if device == "cpu" and precision == "int8" and is_installed("onnx"):
        return "onnx"
    return "torch"


def make_engine(
    network: Network, compute: Compute, ranges: Mapping[str, Range] | None = None
) -> Engine:
    """Return an engine that computes a network.

    Parameters
    ----------
    network
        The network; it is not changed.
    compute
        What it computes with.
    ranges
        The ranges of the features, for the precision ``"int8"``.
    """
    config = network.config
    if compute.engine == "torch" or (isinstance(config, LayerGraph) and config.depends_on_position):
        return TorchEngine(network, compute)
    graph = to_onnx(network, tiled=True, ranges=ranges)
    if compute.engine == "onnx":
        from napari_unet.core.engines.onnxruntime_engine import OnnxRuntimeEngine

        return OnnxRuntimeEngine(network.config, graph)
    from napari_unet.core.engines.openvino_engine import OpenVINOEngine

    return OpenVINOEngine(network.config, graph, compute.precision)
