"""Tables of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from napari_unet.cli.driving import print_table

if TYPE_CHECKING:
    from napari_unet.core.evaluation.confusion import ClassScore
    from napari_unet.services.evaluation.scores import ObjectEvaluation


def print_classes(scores: dict[str, tuple[ClassScore, ...]]) -> None:
    """Print scores, one line per class, those of several models side by side."""
    columns = {title: each for title, each in scores.items() if each}
    rows = [["class", "pixels", *(f"{f} {t}".strip() for t in columns for f in ("IoU", "Dice"))]]
    for same in zip(*columns.values(), strict=True):
        figures = [f"{value:.4f}" for score in same for value in (score.iou, score.dice)]
        rows.append([same[0].name, f"{same[0].pixels}", *figures])
    print_table(rows)


def print_objects(objects: ObjectEvaluation) -> None:
    """Print object scores: one line per IoU threshold, then those that need none."""
    scores = objects.as_dict()
    pooled, mean = scores["pooled"], scores["image_mean"]
    names = ("tp", "fp", "fn", "precision", "recall", "f1", "mean_matched_iou", "ap")
    columns = [scores["thresholds"], *(pooled[name] for name in names), mean["ap"]]
    head = [
        "IoU ≥",
        "TP",
        "FP",
        "FN",
        "precision",
        "recall",
        "F1",
        "matched IoU",
        "AP",
        "AP by image",
    ]
    rows = [[f"{row[0]:.2f}", *map(_text, row[1:])] for row in zip(*columns, strict=True)]
    averages = [_mean(pooled["ap"]), _mean(mean["ap"])]
    print_table([head, *rows, ["mean", *[""] * (len(head) - 3), *map(_text, averages)]])
    typer.echo(
        f"mean IoU of all true objects, 0 for those without a match at 0.5: "
        f"{_text(pooled['mean_true_iou'][0])}, by image {_text(mean['mean_true_iou'][0])}"
    )
    typer.echo(f"SEG {_text(pooled['seg'])}, by image {_text(mean['seg'])}")
    typer.echo(
        f"{pooled['n_true']} true objects in {len(objects.names)} plane(s) or volume(s): "
        f"{pooled['splits']} split; {pooled['merges']} predictions merge several"
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value}" if isinstance(value, int) else f"{value:.4f}"
