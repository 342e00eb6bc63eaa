"""The longest time in which the window did not answer, in each state of the loop."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from responsiveness import Phases, recording

from parts.loop_window import (
    SIDE,
    crop_of_time_lapse,
    pause,
    plain_paint,
    rest,
    stroke,
    until,
    window,
)

if TYPE_CHECKING:
    import argparse

STROKES = 6
RESTS = 0.02
"""Seconds between two dabs."""
REFRESHES = 4
SETTINGS = {"steps": 100_000, "minutes": None, "patience": 1000, "patch": 64, "batch": 1}
"""Of a training that does not end by itself and has a first check soon."""
PLACES = 4


def stalls(options: argparse.Namespace) -> dict[str, float]:
    """Go through all states once, and then through what napari needs alone."""
    phases: Phases = {}
    pixels = crop_of_time_lapse(options.data)
    with window(plugin=True) as (viewer, studio):
        viewer.add_image(pixels, name="cells")
        segmenting(studio, phases)
        layer = painting(viewer, studio, phases)
        next_regions(studio, phases)
        training(viewer, studio, layer, phases)
        learning(viewer, studio, layer, phases)
    with window(plugin=False) as (viewer, _):
        viewer.add_image(pixels, name="cells")
        alone(viewer, phases)
    return {f"{name}, ms": row["worst, ms"] for name, row in phases.items()}


def segmenting(studio: Any, phases: Phases) -> None:
    """Segment twice: a layer is added, and then used again."""
    studio.session.load("nuclei-fluorescence")
    rest(studio)
    pause(3)
    panel = studio.show_page("Segment")
    for name in ("segmenting, a layer is added", "segmenting, the layer is used again"):
        with recording(phases, name):
            panel.segment_button.click()
            rest(studio)
            pause(0.5)


def painting(viewer: Any, studio: Any, phases: Phases) -> Any:
    """Make a layer and paint on it, with the journal on."""
    studio.show_page("Fine-tune")
    annotate = studio.show_page("Annotate")
    pause(1)
    with recording(phases, "New annotation, a layer is added"):
        annotate.source.new_button.click()
        pause(0.5)
    layer = annotate.annotation.layer
    # what is imported for the first stroke
    stroke(viewer, layer, random.Random(99), RESTS)
    pause(2)
    with recording(phases, "painting"):
        paint(viewer, layer)
        pause(1)
    return layer


def paint(viewer: Any, layer: Any) -> None:
    rng = random.Random(0)
    for _ in range(STROKES):
        stroke(viewer, layer, rng, RESTS)


def next_regions(studio: Any, phases: Phases) -> None:
    """Go to some places; at the first one the frame is made."""
    where = studio.show_page("Annotate").next_region
    for i in range(PLACES):
        name = "Next place, the first" if not i else f"Next place {i}"
        with recording(phases, name):
            where.next_button.click()
            until(lambda: where._at_work is None)
            pause(0.5)
    merge(phases, "Next place")


def merge(phases: Phases, name: str) -> None:
    """Keep the worst of some that were noted under a name with a number."""
    own = [key for key in phases if key.startswith(f"{name} ") and key[len(name) + 1 :].isdigit()]
    worst = max((phases.pop(key) for key in own), key=lambda row: row["worst, ms"])
    phases[name] = worst


def training(viewer: Any, studio: Any, layer: Any, phases: Phases) -> None:
    """Train, paint meanwhile, stop."""
    panel = studio.show_page("Fine-tune")
    panel.form.learn_from(viewer.layers["cells"], layer)
    for name, value in SETTINGS.items():
        panel.form.settings[name].value = value
    session = studio.session
    with recording(phases, "training"):
        panel.form.train_button.click()
        until(lambda: bool(session.training and session.training.checks))
        pause(5)
    viewer.layers.selection.active = layer
    with recording(phases, "painting while training"):
        paint(viewer, layer)
        pause(2)
    with recording(phases, "Stop and keep the best"):
        panel.stop_button.click()
        rest(studio)
        pause(0.5)
    panel.outcome.comparison.discard_button.click()
    rest(studio)


def learning(viewer: Any, studio: Any, layer: Any, phases: Phases) -> None:
    """Keep learning: its layer is added, and then shows something else."""
    panel = studio.show_page("Fine-tune")
    seen: list[Any] = []
    with recording(phases, "Keep learning, its layer is added"):
        panel.form.learn_button.click()
        until(lambda: "cells learning" in viewer.layers)
        pause(0.5)
    shown = viewer.layers["cells learning"]
    shown.events.data.connect(lambda: seen.append(None))
    with recording(phases, "Keep learning, its layer is refreshed"):
        for plane in range(REFRESHES):
            count = len(seen)
            viewer.dims.set_current_step(0, plane % 6)
            until(lambda count=count: len(seen) > count)
            pause(0.3)
    with recording(phases, "painting while it keeps learning"):
        paint(viewer, layer)
        pause(1)
    panel.stop_button.click()
    rest(studio)


def alone(viewer: Any, phases: Phases) -> None:
    """Have napari do the same without the plugin, once all has been used."""
    import numpy as np

    shape = 6, SIDE, SIDE
    with recording(phases, "napari alone: the first labels layer is added, its brush taken up"):
        layer = plain_paint(viewer, shape)
        pause(0.5)
    stroke(viewer, layer, random.Random(99), RESTS)
    pause(1)
    with recording(phases, "napari alone: painting"):
        paint(viewer, layer)
        pause(1)
    with recording(phases, "napari alone: a labels layer is added"):
        result = viewer.add_labels(np.zeros(shape, np.uint8))
        pause(0.5)
    full = (np.indices((SIDE, SIDE)).sum(axis=0) // 40 % 3).astype(np.uint8)
    with recording(phases, "napari alone: a labels layer has other data"):
        for i in range(REFRESHES):
            result.data = np.broadcast_to((full + i) % 3, shape).copy()
            pause(0.3)
    with recording(phases, "napari alone: another plane is shown"):
        for plane in range(REFRESHES):
            viewer.dims.set_current_step(0, plane)
            pause(0.3)
    square = np.array([[0, 9, 9], [0, 9, 99], [0, 99, 99], [0, 99, 9]])
    shapes = viewer.add_shapes([square], shape_type="rectangle", face_color="transparent")
    pause(1)
    with recording(phases, "napari alone: a rectangle has another place"):
        for i in range(REFRESHES):
            shapes.data = [(square + np.array([0, i, i]), "rectangle")]
            pause(0.3)
