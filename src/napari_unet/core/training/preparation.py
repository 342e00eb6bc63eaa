"""Prepares a training: its memory plan, its data, and the state of an interrupted one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_unet.core.annotations.holdout import sides
from napari_unet.core.annotations.rescale import Rescaling
from napari_unet.core.errors import UserError
from napari_unet.core.memory_units import bytes_of_gib
from napari_unet.core.progress import as_part
from napari_unet.core.training.best_model import BestModel
from napari_unet.core.training.identity import annotations_key
from napari_unet.core.training.learner import Learner
from napari_unet.core.training.progress import TrainingStarted
from napari_unet.core.training.state import DamagedStateError, load_state, read_status
from napari_unet.core.training.status import TrainingStatus
from napari_unet.core.training.tuning.rehearsal import Rehearsal, prepare_rehearsal
from napari_unet.core.training.tuning.teacher import Teacher
from napari_unet.core.training.tuning.trust import measure_trust

if TYPE_CHECKING:
    from napari_unet.core.progress import Job
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.plan import TrainingPlan
    from napari_unet.core.training.setup import TrainingSetup
    from napari_unet.core.training.state import TrainingState


@dataclass(frozen=True, eq=False)
class Prepared:
    """A training that is ready to take its next step.

    Attributes
    ----------
    setup
        What it starts from.
    training_set
        What it learns from and is validated on.
    plan
        How large a step is.
    reduced_by_memory
        Whether the plan is smaller than it would be with more memory.
    learner
        The network with its optimizer.
    status
        How far the training is.
    best_model
        The best network so far, compared with the parent.
    rehearsal
        What the network knew before; None if that is not at hand.
    """

    setup: TrainingSetup
    training_set: TrainingSet
    plan: TrainingPlan
    reduced_by_memory: bool
    learner: Learner
    status: TrainingStatus
    best_model: BestModel
    rehearsal: Rehearsal | None


@dataclass(frozen=True, eq=False)
class _Interrupted:
    """The saved state of a training, and its training set with the present annotations."""

    state: TrainingState
    training_set: TrainingSet
    annotations_changed: bool


def prepare(setup: TrainingSetup, *, resume: bool = True) -> Job[Prepared]:
    """Prepare a training, or the rest of one that was interrupted.

    Parameters
    ----------
    setup
        What to start from.
    resume
        Whether to continue from the saved state, if there is one of this very training.

    Yields
    ------
    Progress
        Often enough to cancel at once; no step is done yet.
    TrainingStarted
        Once it is known what will be learnt.

    Raises
    ------
    UserError
        When there is too little to train on, it doesn't fit the model, or memory does not suffice.
    """
    steps = setup.options.steps
    if resume:
        setup = _at_saved_scale(setup)
    try:
        plan = yield from as_part(setup.choose_plan(), 0, steps, share=0)
        training_set = yield from as_part(setup.training_set(plan), 0, steps, share=0)
        rehearsal = yield from as_part(prepare_rehearsal(setup), 0, steps, share=0)
        interrupted, damage = None, ""
        if resume:
            job_of_state = _find_interrupted(setup, training_set, plan)
            try:
                interrupted = yield from as_part(job_of_state, 0, steps, share=0)
            except DamagedStateError as error:
                damage = str(error)
        if interrupted is None:
            trust = yield from as_part(measure_trust(setup, training_set), 0, steps, share=0)
            prepared = _begin(setup, training_set, rehearsal, plan, trust)
        else:
            if interrupted.annotations_changed:
                measuring = measure_trust(setup, interrupted.training_set)
                interrupted.state.status.trust = yield from as_part(measuring, 0, steps, share=0)
            prepared = _continue(setup, interrupted, rehearsal, plan)
        status, best = prepared.status, prepared.best_model
        yield TrainingStarted(
            status.step,
            status.last_step,
            "Prepared",
            training_set=prepared.training_set,
            plan=prepared.plan,
            annotations_changed=interrupted is not None and interrupted.annotations_changed,
            damage=damage,
        )
        yield from as_part(best.revalidate(prepared.training_set.windows), 0, steps, share=0)
        best.highest = max(best.highest, status.highest)
        return prepared
    finally:
        setup.compute.release()


def _at_saved_scale(setup: TrainingSetup) -> TrainingSetup:
    """Return a setup with the scale of this very training's saved state, if there is one.

    What was annotated since may measure otherwise, but what was held out lies where it lay.
    """
    status = None if setup.path is None else read_status(setup.path)
    if status is None or status.key != setup.key:
        return setup
    return replace(setup, rescaling=Rescaling(status.factors, setup.model.spec.axes))


def _begin(
    setup: TrainingSetup,
    training_set: TrainingSet,
    rehearsal: Rehearsal | None,
    plan: TrainingPlan,
    trust: float,
) -> Prepared:
    """Return a training before its first step."""
    status = TrainingStatus(
        key=setup.key,
        paint=annotations_key(training_set),
        total=setup.options.steps,
        patch=(),
        chunk=1,
        policy=(0, 0),
        trust=trust,
        factors=setup.rescaling.factors,
    )
    status.adopt(plan)
    return Prepared(
        setup,
        training_set,
        plan,
        _is_reduced(setup, plan),
        _new_learner(setup, status),
        status,
        _new_best_model(setup, rehearsal),
        rehearsal,
    )


def _continue(
    setup: TrainingSetup,
    interrupted: _Interrupted,
    rehearsal: Rehearsal | None,
    plan: TrainingPlan,
) -> Prepared:
    """Return an interrupted training as it was saved, with the present annotations."""
    status, tensors = interrupted.state.status, interrupted.state.tensors
    if interrupted.annotations_changed:
        status.alter("the annotations were changed while it was interrupted")
        status.worse, status.highest = 0, 0.0
        if status.ended:
            status.begin_cycle(setup.options.steps)
    status.paint = annotations_key(interrupted.training_set)
    plan = status.plan(plan)
    learner, best = _new_learner(setup, status), _new_best_model(setup, rehearsal)
    learner.restore(tensors)
    best.restore(tensors, setup.model)
    reduced = _is_reduced(setup, plan)
    training_set = interrupted.training_set
    return Prepared(setup, training_set, plan, reduced, learner, status, best, rehearsal)


def _find_interrupted(
    setup: TrainingSetup, training_set: TrainingSet, plan: TrainingPlan
) -> Job[_Interrupted | None]:
    """Read the saved state of this very training; None if there is none that can be continued."""
    if setup.path is None:
        return None
    state = load_state(setup.path, setup.key)
    if state is None:
        return None
    if state.status.paint == annotations_key(training_set):
        known = yield from setup.training_set(plan, state.held)
        return _Interrupted(state, known, annotations_changed=False)
    try:
        known = yield from setup.training_set(plan, state.held)
    except UserError:
        return None
    learnt, validated = yield from sides(known.held)
    if len(learnt) > 1 and (len(validated) > 1 or not any(state.held)):
        return _Interrupted(state, known, annotations_changed=True)
    return None


def _is_reduced(setup: TrainingSetup, plan: TrainingPlan) -> bool:
    """Return whether memory did not suffice for the preferred plan."""
    best = next(setup.plans())
    return (plan.patch, plan.chunk, plan.policy) != (best.patch, best.chunk, best.policy)


def _new_learner(setup: TrainingSetup, status: TrainingStatus) -> Learner:
    teacher = Teacher(setup.model, setup.ranks) if setup.same_outputs else None
    if teacher is not None:
        teacher.trust = status.trust
    return Learner(
        setup.model,
        setup.compute,
        setup.options,
        teacher=teacher,
        tuning=setup.tuning,
        ranks=setup.ranks,
    )


def _new_best_model(setup: TrainingSetup, rehearsal: Rehearsal | None) -> BestModel:
    return BestModel(
        setup.parent if setup.comparable else None,
        setup.compute,
        bytes_of_gib(setup.options.memory),
        objects=setup.model.spec.task == "objects",
        start=setup.model if setup.same_outputs else None,
        rehearsed=() if rehearsal is None else rehearsal.windows,
    )
