"""Well-known networks that are not read, named for what they are, and the way on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.importers.families.layouts import Tensors

USE_ITS_LABELS = (
    "Segment with its own program or napari plugin and save the labels; here they can be annotations "
    "from which a U-Net learns the same."
)


@dataclass(frozen=True)
class OtherNetwork:
    """A kind of network that is not read.

    Attributes
    ----------
    name
        What it is.
    parts
        Parts of the names of its weights, all of which occur.
    reason
        Why it is not read.
    remedy
        The way on.
    """

    name: str
    parts: tuple[str, ...]
    reason: str
    remedy: str = USE_ITS_LABELS


OTHER_NETWORKS = (
    OtherNetwork(
        "a network of Cellpose",
        ("downsample.down.res_down_0", "upsample.up.res_up_0"),
        "its outputs are flows, from which only Cellpose makes objects",
    ),
    OtherNetwork(
        "a network of Cellpose-SAM",
        ("encoder.patch_embed.proj", "W2"),
        "it is a transformer, and its outputs are flows",
    ),
    OtherNetwork(
        "Segment Anything (SAM)",
        ("image_encoder.", "mask_decoder.", "prompt_encoder."),
        "it is a transformer that needs clicks or boxes",
    ),
    OtherNetwork(
        "a network of nnU-Net v1",
        ("conv_blocks_context.0.blocks.0.conv", "conv_blocks_localization."),
        "its plans are a Python pickle, which can run any code",
        "Train again with nnU-Net v2, whose model folders are read; or segment with nnU-Net v1, and let "
        "a U-Net learn from these labels here.",
    ),
    OtherNetwork("a transformer", ("attn.qkv",), "transformers look at the whole image at once"),
)
"""The first that fits is named."""


def other_network(tensors: Tensors) -> OtherNetwork | None:
    """Return the kind of network that weights belong to, if it is known and not read."""
    for other in OTHER_NETWORKS:
        if all(any(part in key for key in tensors) for part in other.parts):
            return other
    return None
