"""What `napari-unet finetune` prints before the first step and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import typer

from napari_unet.cli.driving import run, say
from napari_unet.cli.scores import print_classes
from napari_unet.core.memory_units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.progress import Job
    from napari_unet.services.training.result import FinetuneResult

T = TypeVar("T")


def announced(job: Job[T], *, interrupted: bool) -> Job[T]:
    """Say what will be learnt before the first step, so that a slip is seen before it costs time.

    Parameters
    ----------
    job
        The training.
    interrupted
        Whether the state of an interrupted training exists.
    """
    from napari_unet.core.training.progress import TrainingStarted

    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if isinstance(step, TrainingStarted):
            learnt = step.training_set
            say(f"{learnt.inspection.summary}\n{learnt.held}\n{step.plan}")
            if step.done:
                say(f"Continuing after step {step.done:.0f} of the interrupted training.")
                if step.annotations_changed:
                    say("The annotations have changed since; --no-resume trains from the start.")
            elif step.damage:
                say(step.damage)
            elif interrupted:
                say(
                    "The interrupted training had other images, settings or another start: "
                    "training from the start."
                )
        yield step


def tell_faults(annotations: Sequence[Annotation]) -> None:
    """Print what looks wrong in labels before they are learnt."""
    from napari_unet.services.checking.check import check

    for finding in run(check(annotations), "Checking"):
        # what labels mean is told with what will be learnt
        if finding.fault != "meaning":
            say(f"Check: {finding}")


def report(result: FinetuneResult) -> None:
    """Print how a training went and whether the new model is better."""
    trained = result.trained
    status = trained.status
    typer.echo(f"Memory measured: {format_bytes(trained.measured)}.")
    typer.echo(
        f"{trained.ended}: {status.step} steps in {status.seconds:.0f} s, the best after "
        f"{status.best_step}."
    )
    for warning in trained.warnings:
        typer.echo(warning)
    if result.after:
        print_classes({"before": result.before, "after": result.after})
    typer.echo(result.verdict)
