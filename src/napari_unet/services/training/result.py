"""The result of a fine-tuning: the new model, how it compares, and its provenance."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from napari_unet.core.evaluation.verdict import Verdict
from napari_unet.core.image.scale import common_pixel_size
from napari_unet.core.memory_units import GIB
from napari_unet.core.suitability.appearance import appearance_of
from napari_unet.services.training.rehearsal import RECORD, rehearsal_name
from napari_unet.services.training.verdict_text import verdict_lines
from napari_unet.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.evaluation.confusion import ClassScore
    from napari_unet.core.evaluation.verdict import Outcome
    from napari_unet.core.model.spec import Model
    from napari_unet.core.training.result import Trained
    from napari_unet.core.training.trainer import Trainer
    from napari_unet.services.training.options import FinetuneOptions


LOOKED_AT = 4
"""Images, at most, from which the kind of all is told."""
UNCHANGED = (
    "No change was surely better, so the new network is a copy of the old one: annotate more "
    "where it is wrong."
)


@dataclass(frozen=True, eq=False)
class FinetuneResult:
    """A new model and how it compares with its parent.

    Attributes
    ----------
    model
        The new model, with its provenance; it is not saved yet.
    before, after
        Scores of parent and new model on the same held-out annotations, for each class, background
        first; empty if nothing is held out, or the parent has other classes or channels.
    trained
        The training: steps, time, curve, plan and memory.
    trainer
        Continues the training when `finetune` gets this result.
    """

    model: Model
    before: tuple[ClassScore, ...]
    after: tuple[ClassScore, ...]
    trained: Trained
    trainer: Trainer = field(repr=False)

    @property
    def outcome(self) -> Outcome | None:
        """Whether it is better than its parent; None if that can't be compared."""
        verdict = self.trained.verdict
        return None if verdict == Verdict() else verdict.outcome

    @property
    def better(self) -> bool | None:
        """Whether it is better than its parent; None if one can't tell."""
        return {"better": True, "worse": False}.get(self.outcome or "")

    @property
    def verdict(self) -> str:
        """How the two compare, in words: on what was annotated, and on what the parent knew before."""
        return " ".join(self.verdict_paragraphs)

    @property
    def verdict_paragraphs(self) -> list[str]:
        """The parts of the verdict, each of which begins with its outcome."""
        old, new = self.trained.before, self.trained.after
        if new is None:
            return [f"Not validated. {self.trained.training_set.held}"]
        if old is None:
            iou = f"IoU {new.score:.3f}" if new.objects is None else f"object IoU {new.score:.3f}"
            has_parent = self.trainer.setup.parent is not None
            why = "its parent has other classes or channels" if has_parent else "it has no parent"
            return [f"{iou} on held-out annotations; {why} to compare it with."]
        lines = verdict_lines(self.trained.verdict)
        if self._parent_may_have_learnt_them:
            lines.append("The old model may have learnt some of these, which would flatter it.")
        if self.trained.status.best_share == 0:
            lines.append(UNCHANGED)
        return lines

    @property
    def _parent_may_have_learnt_them(self) -> bool:
        """Whether the parent learnt from one of the images, with other annotations held out."""
        parent, options = self.trainer.setup.parent, self.trainer.setup.options
        record = {} if parent is None else parent.spec.provenance.training
        names = {annotation.image.name for annotation in self.trained.training_set.annotations}
        held = self.trained.training_set.held
        before = [record.get("options", {}).get(name) for name in ("seed", "held_out")]
        same_split = [*before, record.get("held_out")] == [
            options.seed,
            options.held_out,
            str(held),
        ]
        shares_images = not names.isdisjoint(record.get("images", ()))
        return shares_images and not (same_split and bool(held.taken))


def result_of(
    trainer: Trainer, trained: Trained, options: FinetuneOptions, diameter: float | None
) -> FinetuneResult:
    """Return the result of a training, with the new model's name, diameter and provenance."""
    from napari_unet.core.model.spec import Model

    images = [truth.annotation.image for truth in trained.training_set.inspection.truths]
    names = trained.model.spec.label_names
    before, after = (
        () if scores is None else scores.scores(names) for scores in (trained.before, trained.after)
    )
    spec = trained.model.spec.model_copy(
        update={
            "name": options.name or _name(trainer, trained.model.spec.name),
            "diameter": None if diameter is None else round(diameter, 1),
            "pixel_size": common_pixel_size(images, trained.model.spec.axes),
            "provenance": _provenance(trainer, trained, options, before, after),
        }
    )
    return FinetuneResult(Model(spec, trained.model.network), before, after, trained, trainer)


def _name(trainer: Trainer, name: str) -> str:
    tuned = trainer.setup.parent is not None and not name.endswith("-tuned")
    return f"{name}-tuned" if tuned else name


def _provenance(
    trainer: Trainer,
    trained: Trained,
    options: FinetuneOptions,
    before: tuple[ClassScore, ...],
    after: tuple[ClassScore, ...],
) -> Any:
    from napari_unet.core.model.file import weights_hash
    from napari_unet.core.model.spec import Provenance

    status, used = trained.status, trained.training_set
    parent = trainer.setup.parent
    record = {
        "images": [a.image.name for a in used.annotations],
        "kinds": [a.kind for a in used.annotations],
        "kind": _common_kind(used.annotations),
        "regions": [[asdict(region) for region in a.regions] for a in used.annotations],
        "annotated_pixels": dict(used.inspection.summary.pixels),
        "held_out": str(used.held),
        "options": options.model_dump(mode="json"),
        "steps": status.step,
        "best_step": status.best_step,
        "seconds": round(status.seconds, 1),
        "curve": [point.model_dump() for point in status.curve],
        "scores": {"before": [vars(s) for s in before], "after": [vars(s) for s in after]},
        "ended": trained.ended,
        RECORD: "" if parent is None else rehearsal_name(parent),
        **_resolved(trained, options),
    }
    return Provenance(
        origin="trained from scratch" if parent is None else f"tuned from {parent.spec.name}",
        format="U-Net Studio",
        parent="" if parent is None else weights_hash(parent.network.state_dict()),
        package_version=__version__,
        training=record,
    )


def _resolved(trained: Trained, options: FinetuneOptions) -> dict[str, Any]:
    """Return what the options leave open, so that the training can be repeated."""
    status, memory = trained.status, options.memory
    pace = list(status.pace)
    if not trained.ended and status.step != status.total:
        # the user stopped it here
        pace.append((status.step, status.step))
    if memory is None and trained.reduced_by_memory:
        memory = (math.ceil(trained.plan.memory) + 1) / GIB
    return {
        "device": trained.compute.device,
        "precision": trained.compute.precision,
        "memory": memory,
        "pace": pace,
        "altered": status.altered,
        "factors": [[round(f, 5) for f in each] for each in status.factors],
    }


def _common_kind(annotations: Sequence[Annotation]) -> str | None:
    """Return the kind of the images that were learnt; None if they look of several."""
    step = -(-len(annotations) // LOOKED_AT)
    kinds = {appearance_of(each.image).kind for each in annotations[::step]}
    return kinds.pop() if len(kinds) == 1 else None
