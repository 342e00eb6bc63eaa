"""From a state dict to the readings of it that are worth a try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.imports.families import find_layout
from napari_unet.core.imports.layouts import Candidate, Layout, NotThisLayoutError, candidates

if TYPE_CHECKING:
    from napari_unet.core.imports.layouts import Tensors

KNOWN = "Pytorch-UNet, bioimage.io's unet2d, brain-segmentation-pytorch and torch-em"


def recognise(tensors: Tensors, name: str) -> tuple[Layout, list[Candidate]]:
    """Recognise the family of a state dict and read its weights.

    Parameters
    ----------
    tensors
        The weights by name.
    name
        Name of the file, for the errors.

    Returns
    -------
    tuple
        The family's layout, and the readings that its shapes allow, the family's own first.

    Raises
    ------
    UserError
        When no family has such names, or the network is not a plain U-Net.
    """
    try:
        layout = find_layout(tensors)
        if layout is not None:
            return layout, list(candidates(layout, tensors))
    except NotThisLayoutError as error:
        raise UserError(
            f"{name} is not quite a U-Net we know",
            value=str(error),
            rule=f"Plain U-Nets of the families {KNOWN} can be read.",
            remedy="A network of another kind can't be read. If it is a plain U-Net all the same, "
            "report this with the program that wrote it.",
        ) from error
    keys = [f"{key} {list(tensor.shape)}" for key, tensor in list(tensors.items())[:4]]
    raise UserError(
        f"{name} holds weights of a network we don't know",
        value=f"{len(tensors)} tensors, the first {', '.join(keys)}",
        rule=f"Plain U-Nets of the families {KNOWN} can be read.",
        remedy="If it is a U-Net, rename its weights as one of these does, or report the names.",
    )
