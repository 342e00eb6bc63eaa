"""An object put in the place of what was there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.objects.edit import Edit

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESHAPED = 0.5
"""From this part of the clicked object on, the new one replaces it; below, it is cut out of it."""
TAKEN_UP = 0.8
"""Of another object, so much must lie in the new one for the two to become one; else it stays whole."""


def place_object(
    labels: NDArray[Any], pixels: NDArray[np.intp], click: tuple[int, int], number: int
) -> Edit:
    """Put an object where one was missing or wrong.

    Parameters
    ----------
    labels
        (Y, X): the objects of a plane.
    pixels
        (n, 2): the new object.
    click
        Pixel (Y, X) inside it.
    number
        A free one, for an object that is new.

    Returns
    -------
    Edit
        The clicked object gets the new shape if the new one has most of it; what it loses becomes
        background. Otherwise the new one is cut out of it. Objects nearly all of which lie in the new
        one are taken up; others keep all their pixels.
    """
    inside = np.zeros(labels.shape, bool)
    inside[tuple(pixels.T)] = True
    sizes, shared = np.bincount(labels.ravel()), np.bincount(labels[inside])
    clicked = int(labels[click])
    after = labels.copy()
    reshaped = bool(clicked) and shared[clicked] >= RESHAPED * sizes[clicked]
    if reshaped:
        number = clicked
        after[labels == clicked] = 0
    for other in np.flatnonzero(shared):
        if other not in (0, clicked) and shared[other] >= TAKEN_UP * sizes[other]:
            after[labels == other] = number
        elif other not in (0, clicked):
            inside &= labels != other
    after[inside] = number
    return Edit.between(labels, after)
