"""What a hand does with the mouse: strokes of the brush, clicks and lines of a tool."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterable

BRUSH = 3.0
"""Radius of the brush in pixels."""
STROKES = {1: 9, 2: 14}
"""How many there are of each label."""
LONGEST = 28
"""Steps of a pixel to either side of a stroke's middle."""
APART = 45.0
"""Pixels between the middles of two strokes of a label."""


Line = tuple[int, tuple[int, int], tuple[int, int]]
"""A straight stroke: its label, beginning and end (y, x)."""


def lines(layer: Any, t: int, wanted: Iterable[Line]) -> None:
    """Paint straight strokes at a time point."""
    for label, start, end in wanted:
        for y, x in np.linspace(start, end, 12):
            layer.paint((t, round(y), round(x)), label)


def fill(layer: Any, t: int, centre: tuple[int, int], radii: tuple[int, int], label: int) -> None:
    """Paint an ellipse, where nothing is painted yet."""
    rows, columns = np.indices(layer.data.shape[1:])
    y, x = np.nonzero(
        ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 <= 1
    )
    free = layer.data[t, y, x] == 0
    layer.data_setitem((np.full(free.sum(), t), y[free], x[free]), label)


def drag(layer: Any, t: int, *points: tuple[float, float]) -> None:
    """Press the mouse at the first point (y, x), move to the others, and release it."""
    spots = [np.asarray(layer.data_to_world((t, *point))) for point in points]
    event = _event("mouse_press", spots[0])
    running = [callback(layer, event) for callback in list(layer.mouse_drag_callbacks)]
    running = [one for one in running if hasattr(one, "send")]
    _go_on(running)
    for kind, spot in [*(("mouse_move", s) for s in spots[1:]), ("mouse_release", spots[-1])]:
        vars(event).update(vars(_event(kind, spot)))
        _go_on(running)


def _event(kind: str, spot: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(type=kind, button=1, position=spot, pos=spot[-2:] * 10)


def _go_on(running: list[Any]) -> None:
    for one in running:
        next(one, None)


def strokes(plane: np.ndarray) -> np.ndarray:
    """Return strokes as a hand would paint them: 2 along nuclei, 1 beside and far from them."""
    smooth = ndimage.gaussian_filter(plane.astype(float), 1.5)
    ground, bright = np.percentile(smooth, (30, 95))
    nuclei = smooth > ground + 0.12 * (bright - ground)
    # a bright one has a halo, which is not painted as either
    brightest = ndimage.maximum_filter(smooth, 25)
    inside = nuclei & (smooth > ground + 0.4 * (brightest - ground))
    beside = ndimage.distance_transform_edt(~nuclei)
    rooms = {
        2: ndimage.distance_transform_edt(inside),
        1: np.where(beside > BRUSH + 1, np.minimum(beside, 12), 0),
    }
    out, drawn = np.zeros(plane.shape, np.uint8), np.random.default_rng(0)
    for label, whole in rooms.items():
        # nobody paints along the frame
        room = np.pad(whole[12:-12, 12:-12], 12)
        for _ in range(STROKES[label]):
            start = np.unravel_index((room * drawn.random(room.shape)).argmax(), room.shape)
            for y, x in path(room, np.array(start, float)):
                disc(out, y, x, BRUSH, label)
            # the next one elsewhere
            disc(room, *start, APART, 0)
    return out


def path(room: np.ndarray, start: np.ndarray) -> list[tuple[float, float]]:
    """Walk both ways from a point with bends no sharper than a hand makes, where there is room."""
    found = []
    for side in (0.0, np.pi):
        at, heading = start.copy(), 0.7 + side
        for _ in range(LONGEST):
            turns = heading + np.linspace(-0.12, 0.12, 5)
            ahead = [at + 8 * np.array([np.sin(t), np.cos(t)]) for t in turns]
            heading = turns[int(np.argmax([look(room, point) for point in ahead]))]
            at = at + np.array([np.sin(heading), np.cos(heading)])
            if look(room, at) < BRUSH + 1:
                break
            found.append((at[0], at[1]))
    return found


def look(room: np.ndarray, at: np.ndarray) -> float:
    y, x = (int(i) for i in at.round())
    return float(room[y, x]) if 0 <= y < room.shape[0] and 0 <= x < room.shape[1] else 0.0


def disc(out: np.ndarray, y: float, x: float, radius: float, value: int) -> None:
    rows, columns = np.ogrid[: out.shape[0], : out.shape[1]]
    out[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = value
