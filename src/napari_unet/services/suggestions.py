"""Which networks of the library to offer for an image, the best match first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.progress import Progress
from napari_unet.core.suitability.appearance import appearance_of
from napari_unet.core.suitability.match import kind_of, misfits
from napari_unet.services.library import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.image.axes import Image
    from napari_unet.core.progress import Job
    from napari_unet.core.suitability.appearance import Appearance
    from napari_unet.core.suitability.match import Misfit
    from napari_unet.services.library import Entry


@dataclass(frozen=True)
class Suggestion:
    """A network of the library, and how it suits an image.

    Attributes
    ----------
    entry
        The network.
    misfits
        What speaks against it, the worst first; empty: nothing.
    """

    entry: Entry
    misfits: tuple[Misfit, ...]

    @property
    def weight(self) -> int:
        """How much speaks against it."""
        return sum(misfit.weight for misfit in self.misfits)

    @property
    def words(self) -> str:
        """What speaks against it; empty: nothing."""
        return "; ".join(misfit.words for misfit in self.misfits)


def look(image: Image) -> Job[Appearance]:
    """Look at an image, as a job."""
    yield Progress(0, 1, "Looking at the image")
    return appearance_of(image)


def suggest(entries: Sequence[Entry], image: Appearance, last_used: str = "") -> list[Suggestion]:
    """Return the networks of the library that can be read, the best match first.

    Parameters
    ----------
    entries
        The library.
    image
        How the image looks.
    last_used
        Name of the network that was used last: of equals it comes first. Then come those that state
        the kind of image, then the default.
    """
    found = [
        Suggestion(entry, tuple(misfits(entry.spec, image)))
        for entry in entries
        if entry.spec is not None
    ]

    def order(suggestion: Suggestion) -> tuple[bool | int, ...]:
        entry, spec = suggestion.entry, suggestion.entry.spec
        assert spec is not None
        return (
            suggestion.weight,
            entry.name != last_used,
            kind_of(spec) is None,
            spec.task != "objects",
            entry.name != DEFAULT,
        )

    return sorted(found, key=order)


def better_network(suggestions: Sequence[Suggestion], misfits: Sequence[Misfit]) -> str:
    """Return the name of the network against which less speaks than against one; empty: none.

    Parameters
    ----------
    suggestions
        The library for this image, the best match first.
    misfits
        What speaks against the network in question.
    """
    weight = sum(misfit.weight for misfit in misfits)
    return next((s.entry.name for s in suggestions if s.weight < weight), "")


def describe_misfit(
    suggestions: Sequence[Suggestion], name: str, spec_misfits: Sequence[Misfit]
) -> str:
    """Say what speaks against a network, and which one suits better.

    Parameters
    ----------
    suggestions
        The library for this image, the best match first.
    name
        The network in question.
    spec_misfits
        What speaks against it.

    Returns
    -------
    str
        A sentence or two; empty if nothing speaks against it, or nothing suits better.
    """
    if not spec_misfits:
        return ""
    weight = sum(misfit.weight for misfit in spec_misfits)
    better = better_network(suggestions, spec_misfits)
    if not better and weight < 4:
        return ""
    against = spec_misfits[0].words
    if better:
        which = against.replace("it ", f"“{name}” ", 1)
        return f"“{better}” suits this image better: {spec_misfits[0].contrast or which}."
    return f"“{name}” may not suit this image: {against}."
