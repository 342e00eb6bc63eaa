"""What is painted and checked while a training runs, on its way into it."""

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


MEANWHILE = "All else is learnt meanwhile, and what was painted before."


@dataclass(frozen=True)
class Renewed:
    """A newer snapshot, and what is wrong with the regions and the paint that were left out of it."""

    paint: Snapshot
    warnings: tuple[UserError, ...]


def renewed(
    pairs: Sequence[LayerPair], paints: Sequence[Lazy], earlier: Snapshot, *, stroked: bool
) -> Job[Renewed]:
    """Take a newer snapshot, as `snapshot`; what does not fit its image does not stop the rest."""
    warnings: list[UserError] = []
    found: list[Annotation] = []
    for pair, paint, before in zip(pairs, paints, earlier, strict=True):
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
        # without any it would apply everywhere
        fitting = replace(pair, regions=tuple(kept) or before.regions)
        try:
            found += yield from snapshot([fitting], [paint], (before,), stroked=stroked)
        except UserError as error:
            warnings.append(error)
            found.append(before)
    unchanged = all(one is other for one, other in zip(found, earlier, strict=True))
    return Renewed(earlier if unchanged else tuple(found), tuple(warnings))


class AnnotationFeed(QObject):
    """Hands a training what is painted, and where it is said to apply, while it runs.

    Parameters
    ----------
    parent
        It lives as long as this.
    pairs
        What is painted where.
    """

    taken = Signal()
    """New paint was handed over."""
    warned = Signal(object)
    """Something is not learnt; the `UserError` that says what. None: now all of it is."""

    def __init__(self, parent: QObject, pairs: Sequence[LayerPair]) -> None:
        super().__init__(parent)
        self._pairs = tuple(pairs)
        self._paint: Paint | None = None
        self._watch = AnnotationWatch(self)
        self._watch.settled.connect(self._copy)
        self._copier = Jobs(self)
        self._told = ""

    def begin(self, paint: Paint) -> None:
        """Hand over to this what is painted from now on."""
        self._paint = paint
        self._watch.watch(self._pairs)
        # something may have been painted while the training was being prepared
        self._copy(stroked=False)

    def let_go(self) -> None:
        """Hand over nothing more."""
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
            found = outcome.result
            if found is not None and found.paint is not paint.annotations:
                paint.annotations = found.paint
                self.taken.emit()
            if found is not None:
                self._tell([*wrong, *found.warnings])

        outlined = [pair.outlined() for pair in self._pairs]
        self._pairs = tuple(pair for pair, _ in outlined)
        wrong = [error for _, errors in outlined for error in errors]
        now = [pair.paint() for pair in self._pairs]
        job = renewed(self._pairs, now, paint.annotations, stroked=stroked)
        self._copier.start("Copying", job, on_end=take)

    def _tell(self, warnings: Sequence[UserError]) -> None:
        """Tell what is not learnt, one after the other and each once, and when all is mended."""
        first = next(iter(warnings), None)
        said = "" if first is None else str(first)
        if said != self._told:
            self._told = said
            self.warned.emit(None if first is None else _adding(first, MEANWHILE))


def _adding(error: UserError, words: str) -> UserError:
    remedy = f"{error.remedy} {words}"
    return UserError(error.problem, value=error.value, rule=error.rule, remedy=remedy)
