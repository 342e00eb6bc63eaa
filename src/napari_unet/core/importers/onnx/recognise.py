"""ONNX files as networks of ours."""

from __future__ import annotations

from napari_unet.core.errors import UserError
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.families.recognised import Recognised
from napari_unet.core.importers.onnx.protobuf import read_graph
from napari_unet.core.importers.onnx.translate import translate

MAX_BYTES = 2 << 30
"""The most that such a file can have."""


def recognise_onnx(data: bytes, name: str) -> Recognised:
    """Turn an ONNX file into a network of ours; nothing in it is run.

    Parameters
    ----------
    data
        The file.
    name
        Its name, for messages.

    Returns
    -------
    Recognised
        With one candidate. Its activation is that of the file, or ``"none"`` if that ends with logits.

    Raises
    ------
    UserError
        When it is damaged, or has operators that no layer stands for.
    """
    try:
        found = translate(read_graph(data))
    except NotThisLayoutError as error:
        raise UserError(
            f"{name} is not an ONNX network that can be used here",
            value=error,
            rule="Networks of convolutions, pooling, norms, interpolation by whole factors, sums and "
            "joined channels are read from ONNX files, from one image to one output of its size.",
            remedy="Export it with its weights in the file and without attention; or save its weights "
            "by torch.save(network.state_dict(), 'weights.pth') and open that file.",
        ) from error
    return Recognised(
        "ONNX",
        [found.candidate],
        activation=found.activation or "none",
        description="From an ONNX file, which does not say how images are normalised before: each "
        "channel to mean 0 and variance 1.",
    )
