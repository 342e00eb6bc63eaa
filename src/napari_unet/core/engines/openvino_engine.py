"""OpenVINO as the engine, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_unet.core.engines.graph_engine import GraphEngine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.progress import Job

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


class OpenVINOEngine(GraphEngine):
    """Runs a graph.

    Parameters
    ----------
    config
        The architecture.
    graph
        The network as `to_onnx` writes it for tiles.
    precision
        ``"float32"``, ``"bfloat16"``, or ``"int8"`` for a graph in 8 bits.
    """

    def __init__(self, config: Architecture, graph: bytes, precision: str) -> None:
        import openvino

        super().__init__(config)
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = core.compile_model(core.read_model(graph), "CPU", settings)
        self._request: Any = compiled.create_infer_request()

    def _compute(self, inputs: dict[str, NDArray[Any]], pixels: int) -> Job[NDArray[np.float32]]:
        self._request.start_async(inputs, share_inputs=True)
        done = False
        try:
            yield from self._pace.wait(self._ready, pixels)
            done = True
        finally:
            if not done:
                self._stop()
        # a copy: the next tile is computed into the same memory
        logits: NDArray[np.float32] = self._request.get_output_tensor(0).data.copy()
        return logits

    def _ready(self, seconds: float) -> bool:
        ready: bool = self._request.wait_for(int(seconds * 1000))
        return ready

    def _stop(self) -> None:
        """Stop between two layers, and wait until nothing uses the inputs any more."""
        self._request.cancel()
        try:
            self._request.wait()
        except RuntimeError:  # that it was cancelled
            return
