"""Passes what is annotated during a training on to the training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet.core.annotations.regions import check_region
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.gui.layers.snapshots import AnnotationWatch, snapshot
from napari_unet.gui.session.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation, Paint
    from napari_unet.core.image.axes import Lazy
    from napari_unet.gui.layers.layer_pair import LayerPair
    from napari_unet.gui.layers.snapshots import Snapshot
    from napari_unet.gui.session.worker import Outcome


MEANWHILE = "Until then, all other annotations are learnt, and the earlier state of this one."


@dataclass(frozen=True)
class Renewed:
    """A newer snapshot, and why some regions and annotations were left out of it."""

    paint: Snapshot
    warnings: tuple[UserError, ...]


def renewed(
    pairs: Sequence[LayerPair], paints: Sequence[Lazy], earlier: Snapshot, *, stroked: bool
) -> Job[Renewed]:
    """Take a newer snapshot, like `snapshot`; an annotation that does not fit does not stop the rest."""
    warnings: list[UserError] = []
    copies: list[Annotation] = []
    # those from files come after them, and stay
    from_files = earlier[len(pairs) :]
    for pair, paint, before in zip(pairs, paints, earlier[: len(pairs)], strict=True):
        kept = []
        for region in pair.regions:
            yield Progress(0, 1, "Reading the regions")
            try:
                if region not in before.regions:
                    check_region(region, pair.image)
            except UserError as error:
                warnings.append(error)
            else:
                kept.append(region)
        # without any region, the annotation would apply everywhere
        fitting = replace(pair, regions=tuple(kept) or before.regions)
        try:
            copies += yield from snapshot([fitting], [paint], (before,), stroked=stroked)
        except UserError as error:
            warnings.append(error)
            copies.append(before)
    copies += from_files
    unchanged = all(new is old for new, old in zip(copies, earlier, strict=True))
    return Renewed(earlier if unchanged else tuple(copies), tuple(warnings))


class AnnotationFeed(QObject):
    """Passes annotations and their regions on to a training while it runs.

    Parameters
    ----------
    parent
        It lives as long as this.
    pairs
        The images and their annotations.
    """

    taken = Signal()
    """New annotations were passed on."""
    warned = Signal(object)
    """An annotation is not learnt; the `UserError` that says why. None: all are learnt now."""

    def __init__(self, parent: QObject, pairs: Sequence[LayerPair]) -> None:
        super().__init__(parent)
        self._pairs = tuple(pairs)
        self._paint: Paint | None = None
        self._watch = AnnotationWatch(self)
        self._watch.settled.connect(self._copy)
        self._copier = Jobs(self)
        self._warning = ""

    def begin(self, paint: Paint) -> None:
        """Pass on from now on what is annotated."""
        self._paint = paint
        self._watch.watch(self._pairs)
        # something may have been painted while the training was being prepared
        self._copy(stroked=False)

    def let_go(self) -> None:
        """Pass on nothing more."""
        self._watch.let_go()
        self._copier.abandon()
        self._paint = None

    def _copy(self, stroked: bool) -> None:
        paint = self._paint
        if paint is None:
            return
        if self._copier.running:
            self._watch.touch()
            return

        def take(outcome: Outcome[Renewed]) -> None:
            newer = outcome.result
            if newer is not None and newer.paint is not paint.annotations:
                paint.annotations = newer.paint
                self.taken.emit()
            if newer is not None:
                self._warn([*wrong, *newer.warnings])

        outlined = [pair.outlined() for pair in self._pairs]
        self._pairs = tuple(pair for pair, _ in outlined)
        wrong = [error for _, errors in outlined for error in errors]
        now = [pair.paint() for pair in self._pairs]
        job = renewed(self._pairs, now, paint.annotations, stroked=stroked)
        self._copier.start("Copying", job, on_end=take)

    def _warn(self, warnings: Sequence[UserError]) -> None:
        """Emit the first warning if it is a new one, and None once there is none any more."""
        first = next(iter(warnings), None)
        message = "" if first is None else str(first)
        if message != self._warning:
            self._warning = message
            self.warned.emit(None if first is None else _adding(first, MEANWHILE))


def _adding(error: UserError, words: str) -> UserError:
    remedy = f"{error.remedy} {words}"
    return UserError(error.problem, value=error.value, rule=error.rule, remedy=remedy)
