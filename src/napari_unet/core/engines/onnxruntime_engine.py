"""onnxruntime as the engine, on the CPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.core.engines.graph_engine import GraphEngine
from napari_unet.core.onnx.network import OUTPUT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.progress import Job


class OnnxRuntimeEngine(GraphEngine):
    """Runs a graph.

    Parameters
    ----------
    config
        The architecture.
    graph
        The network as `to_onnx` writes it for tiles, in 32 or 8 bits.
    """

    def __init__(self, config: Architecture, graph: bytes) -> None:
        import onnxruntime

        super().__init__(config)
        self._library: Any = onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # memory for the largest tile so far would stay taken
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(graph, options, providers=providers)

    def _compute(self, inputs: dict[str, NDArray[Any]], pixels: int) -> Job[NDArray[np.float32]]:
        options = self._library.RunOptions()
        with ThreadPoolExecutor(1) as pool:
            computation = pool.submit(self._session.run, [OUTPUT], inputs, options)
            try:
                yield from self._pace.wait(
                    lambda seconds: bool(wait([computation], seconds).done), pixels
                )
            finally:
                # between two layers; no effect on one that has ended
                options.terminate = True
            logits: NDArray[np.float32] = computation.result()[0]
            return logits
