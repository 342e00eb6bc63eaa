"""Scores of a result as rich text, with the colours of the mistakes."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from napari_unet.gui.widgets.fields import DIM, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.core.evaluation.confusion import ClassScore
    from napari_unet.gui.evaluate.comparison import LabelComparison
    from napari_unet.services.evaluation.scores import Evaluation, ObjectEvaluation

LEVELS = (0.5, 0.75, 0.9)
"""IoU thresholds shown in the window: the first, the middle and a strict one of the ten."""


def format_scores(comparison: LabelComparison, scores: Evaluation) -> str:
    """Return what was compared, and how it did."""
    result, truth = (f"“{html.escape(name)}”" for name in comparison.names)
    where = ", where checked" if comparison.regions else ""
    lines = [f"{result} against {truth}{where}"]
    if scores.objects is not None:
        lines.append(_of_objects(scores.objects, "volume" if comparison.in_volumes else "plane"))
    else:
        lines.append(_of_classes(scores))
    if scores.empty:
        lines.append(
            f"{scores.empty} plane{'s' * (scores.empty != 1)} without any true label: "
            "everything found there counts as wrong."
        )
    # a table is a paragraph by itself
    return "<br>".join(lines).replace("<br><table", "<table").replace("</table><br>", "</table>")


def _of_objects(objects: ObjectEvaluation, unit: str) -> str:
    # it brings scipy, which would make the opening of the panel late
    from napari_unet.services.evaluation.mistakes import EXTRA, HIT, MERGE, MISS, SPLIT

    scores = objects.scores.pooled
    at = [scores.thresholds.tolist().index(level) for level in LEVELS]
    rows = [
        ("IoU at least", [f"{level:g}" for level in LEVELS]),
        (f"{patch(HIT)} found", _counts(scores.tp[0, at])),
        (f"{patch(MISS)} missed", _counts(scores.fn[0, at])),
        (f"{patch(EXTRA)} extra", _counts(scores.fp[0, at])),
        ("AP", _figures(scores.ap[0, at])),
        ("mean matched IoU", _figures(scores.mean_matched_iou[0, at])),
    ]
    n, m = int(scores.n_true[0]), len(objects.names)
    return (
        f"{_table(rows)}<br>{patch(MERGE)} {scores.merges[0]:,} merged, {patch(SPLIT)} "
        f"{scores.splits[0]:,} split; SEG {_figures(scores.seg)[0]}<br>"
        f"{n:,} true object{'s' * (n != 1)} in {m:,} {unit}{'s' * (m != 1)}"
    )


def _of_classes(scores: Evaluation) -> str:
    from napari_unet.services.evaluation.mistakes import EXTRA, HIT, MISS, OTHER

    mean = ""
    if len(scores.classes) > 2:
        iou, dice = _figures([scores.iou, scores.dice])
        mean = f"<br>Mean without background: IoU {iou}, Dice {dice}"
    colours = [f"{patch(HIT)} right", f"{patch(MISS)} missed", f"{patch(EXTRA)} extra"]
    if mean:
        colours.append(f"{patch(OTHER)} other class")
    return f"{score_table((), scores.classes)}{mean}<br>{', '.join(colours)}"


def patch(state: int) -> str:
    """Return a patch of the colour in which a state is shown."""
    return f"<span style='color: {colour_of(state)}'>■</span>"


def colour_of(state: int) -> str:
    """Return the colour in which a state is shown, such as ``#009e73``."""
    from napari_unet.services.evaluation.mistakes import COLOURS

    return "#" + "".join(f"{int(part):02x}" for part in COLOURS[state])


def _table(rows: Sequence[tuple[str, list[str]]]) -> str:
    lines = []
    for i, (name, cells) in enumerate(rows):
        style = f"{DIM} padding-right: 10px" if i == 0 else "padding-right: 10px"
        row = "".join(f"<td align='right' style='{style}'>{cell}</td>" for cell in cells)
        lines.append(f"<tr><td style='{style}; white-space: nowrap'>{name}</td>{row}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _counts(values: NDArray[np.int64]) -> list[str]:
    return [f"{int(value):,}" for value in values]


def _figures(values: Sequence[float] | NDArray[np.float64]) -> list[str]:
    return list(map(figure, values))


def score_table(before: Sequence[ClassScore], after: Sequence[ClassScore]) -> str:
    """Return the scores of old and new network as rich text, a line a class."""
    old = {score.name: score for score in before}
    heads = "".join(f"<td style='{DIM} padding-right: 8px'>{h}</td>" for h in ("", "IoU", "Dice"))
    rows = [f"<tr>{heads}</tr>"]
    for score in after:
        was = old.get(score.name)
        iou = _change(None if was is None else was.iou, score.iou)
        dice = _change(None if was is None else was.dice, score.dice)
        rows.append(
            f"<tr><td style='padding-right: 8px'>{html.escape(score.name)}</td>"
            f"<td style='padding-right: 8px; white-space: nowrap'>{iou}</td>"
            f"<td style='white-space: nowrap'>{dice}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _change(old: float | None, new: float) -> str:
    if old is None:
        return figure(new)
    colour = BETTER if new > old else WORSE if new < old else ""
    style = f" style='color: {colour}'" if colour else ""
    return f"{figure(old)} → <b{style}>{figure(new)}</b>"


BETTER, WORSE = "var(--good)", "var(--bad)"
