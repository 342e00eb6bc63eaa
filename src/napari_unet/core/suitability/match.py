"""What speaks against using a network on an image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_unet.core.suitability.appearance import KINDS

if TYPE_CHECKING:
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.suitability.appearance import Appearance, Kind

Subject = Literal["channels", "volume", "kind", "planes"]

WORDS: dict[Kind, str] = {
    "fluorescence": r"fluoresc|dapi|hoechst|confocal|light.?sheet|spinning.?disk",
    "phase contrast": r"phase.?contrast|\bphase\b|\bdic\b|transmitted",
    "bright field": r"bright.?field|cytolog|pap.?smear",
    "stained tissue": r"histolog|h&e|h ?& ?e\b|haematoxylin|hematoxylin|stained|patholog",
    "electron microscopy": r"electron|\bs?s?tem\b|\bsem\b|\bem\b",
}
"""Words by which the description of a network names the kind of images that it learnt."""
MANY = "many kinds"
"""What the description of a network says that is for all of them."""
WEIGHTS: dict[Subject, int] = {"channels": 8, "volume": 8, "kind": 4, "planes": 1}
"""How much each kind of misfit speaks against a network: the first two make it useless."""


@dataclass(frozen=True)
class Misfit:
    """Something that speaks against a network.

    Attributes
    ----------
    subject
        What it concerns.
    words
        A short sentence without its full stop.
    contrast
        The same of the image, where another network suits it; empty: there are no other words.
    """

    subject: Subject
    words: str
    contrast: str = ""

    @property
    def weight(self) -> int:
        """How much it speaks against it."""
        return WEIGHTS[self.subject]


def kind_of(spec: ModelSpec) -> Kind | None:
    """Return the kind of images that a network learnt, as recorded or as its description says.

    None if that is not said, or if they were of many kinds.
    """
    recorded = spec.provenance.training.get("kind")
    for kind in KINDS:
        if recorded == kind:
            return kind
    text = f"{spec.name} {spec.description} {' '.join(spec.channels)}".lower().replace("_", " ")
    if MANY in text:
        return None
    named = [kind for kind in KINDS if re.search(WORDS[kind], text.replace("-", " "))]
    return named[0] if len(named) == 1 else None


def misfits(spec: ModelSpec, image: Appearance) -> list[Misfit]:
    """Return what speaks against a network for an image that looks like this, the worst first.

    Parameters
    ----------
    spec
        The network.
    image
        How the image looks.
    """
    found = []
    needed = spec.config.in_channels
    if needed > image.channels:
        words = f"it needs {needed} channels; the image has {image.channels}"
        found.append(Misfit("channels", words))
    if spec.config.ndim == 3 and image.planes == 1:
        found.append(Misfit("volume", "it needs a volume; the image has one plane"))
    kind = kind_of(spec)
    if kind is not None and image.kind not in (None, kind):
        words = f"it learnt images of {kind}; this looks like {image.kind}"
        found.append(Misfit("kind", words, f"it looks like {image.kind}, not {kind}"))
    if spec.config.ndim == 2 and image.planes > 1:
        words = "it sees one plane at a time: what is one object in depth gets several numbers"
        found.append(Misfit("planes", words))
    return sorted(found, key=lambda misfit: -misfit.weight)
