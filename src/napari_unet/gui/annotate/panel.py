"""*Annotate*: correct a result or paint a new annotation, with classes and tools for objects."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QGroupBox, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.annotate.checks import CheckRow
from napari_unet.gui.annotate.class_list import ClassList
from napari_unet.gui.annotate.keys import LayerKeys
from napari_unet.gui.annotate.next_region import NextRegionForm
from napari_unet.gui.annotate.review import ReviewForm
from napari_unet.gui.annotate.source import CORRECT_TIP, NO_RESULT, AnnotationSource
from napari_unet.gui.journal.restore_offer import RestoreOffer
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.purpose import KIND_TIPS, is_annotation, kind_of
from napari_unet.gui.objects.measure_row import MeasureRow
from napari_unet.gui.objects.measuring import Numbered
from napari_unet.gui.objects.plane_known import plane_known
from napari_unet.gui.objects.tools import KEYS, ObjectTools
from napari_unet.gui.widgets.fields import button, folded, folded_away, form, offer, text
from napari_unet.gui.widgets.foot import show_in_turn
from napari_unet.gui.widgets.layer_choice import LayerChoice
from napari_unet.gui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.image.axes import Image
    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.layers.editing import View
    from napari_unet.gui.objects.plane_known import PlaneKnown
    from napari_unet.gui.session.session import Session

ANNOTATION_TIP = "The layer that you paint on: the classes and tools below are for it."
FINETUNE_TIP = "Open Fine-tune with this image and annotation."
QUICK_TIP = (
    "Open Fine-tune with this image and annotation, and train right away for about a minute. At the "
    "end, you decide whether the new network is kept."
)
NO_ANNOTATION = "There is no annotation yet: press “Correct this result” or “New annotation” first."
SCRIBBLES = "Scribbles count only where you painted: there is nothing to mark as checked."
DIGIT_KEYS = 10
OUTLINE_PX = 2


class AnnotatePanel(Panel):
    """Makes annotations, and helps to paint them.

    Parameters
    ----------
    viewer
        The viewer whose images are annotated.
    session
        What it shares with the other panels.
    keeper
        Journals what is painted.
    """

    HEIGHT = 700

    def __init__(self, viewer: napari.Viewer, session: Session, keeper: PaintKeeper) -> None:
        super().__init__(viewer, session)
        self.keeper = keeper
        self.source = AnnotationSource(viewer, self.session)
        self.annotation = LayerChoice(viewer, ANNOTATION_TIP, is_annotation)
        self.restore_offer = RestoreOffer(self.keeper.restoring)
        self.kind_label = text()
        self.classes = ClassList()
        self.objects = ObjectTools(viewer, self._plane_known)
        self.measures = MeasureRow(viewer, self._numbered)
        self.next_region = NextRegionForm(viewer, self.session, self._chosen)
        self.review = ReviewForm(viewer, self.session, self._chosen, self._numbered)
        self.checks = CheckRow(self, self._under)
        self.finetune_button = button("Fine-tune…", FINETUNE_TIP, main=True)
        self.correct_button = button("Correct this result", CORRECT_TIP, main=True)
        self.quick_button = button("Tune quickly", QUICK_TIP)
        self._keys = LayerKeys()
        self._annotated = False
        self._lay_out()
        self._connect()
        self._take()

    def _lay_out(self) -> None:
        rows = form()
        rows.addRow("Annotation", self.annotation.native)
        self.groups = {
            "classes": _group("Classes", self.classes),
            "objects": _group("Objects", self.objects),
        }
        more = form()
        for part in (self.objects.through_box, self.objects.between_button, self.measures):
            more.addRow(part)
        self.start_fold = folded_away("Result or new annotation", self.source)
        self.start_fold.expand(animate=False)
        self.more_fold = folded("More for objects", more)
        self.review_fold = folded_away("Review", self.review)
        self.body.addWidget(self.restore_offer)
        self.body.addWidget(self.start_fold)
        self.body.addLayout(rows)
        self.body.addWidget(self.kind_label)
        for group in self.groups.values():
            self.body.addWidget(group)
        for part in (self.review_fold, self.next_region, self.checks, self.more_fold):
            self.body.addWidget(part)
        self.foot.add(self.quick_button)
        self.foot.add(self.correct_button, self.finetune_button)
        self.body.addStretch(1)

    def _connect(self) -> None:
        self.annotation.changed.connect(self._take)
        self.source.made.connect(self.annotation.choose)
        self.keeper.restoring.restored.connect(self.annotation.choose)
        self.restore_offer.refused.connect(self.foot.message.show_error)
        self.source.changed.connect(self._offer)
        self.classes.picked.connect(self.pick)
        self.measures.reported.connect(partial(self.foot.message.show_text, "done"))
        for part in (
            self.source,
            self.classes,
            self.objects,
            self.measures,
            self.next_region,
            self.review,
        ):
            part.failed.connect(self.foot.message.show_error)
        self.correct_button.clicked.connect(self.source.correct_button.click)
        self.finetune_button.clicked.connect(self._open_finetune)
        self.quick_button.clicked.connect(self._tune_quickly)

    def let_go(self) -> None:
        """Stop listening to the viewer, and give the keys back."""
        self._keys.let_go()
        self.classes.let_go()
        self.objects.let_go()
        self.measures.let_go()
        self.next_region.let_go()
        self.review.let_go()
        self.annotation.let_go()
        self.source.let_go()

    def pick(self, value: int) -> None:
        """Paint with a label from now on."""
        layer = self.annotation.layer
        if layer is None or value >= self.classes.count:
            return
        self.viewer.layers.selection.active = layer
        layer.visible = True
        layer.selected_label = value
        layer.mode = "paint"

    def _take(self) -> None:
        """Show what can be done with the chosen annotation."""
        layer: Labels | None = self.annotation.layer
        objects = layer is not None and kind_of(layer) == "objects"
        self.foot.message.clear()
        self.classes.take(None if objects else layer)
        self.objects.take(layer if objects else None)
        self.review.take(layer if objects else None)
        self._keys.bind(layer, self._actions(objects))
        self.kind_label.setText("" if layer is None else KIND_TIPS[kind_of(layer)])
        self.groups["classes"].setVisible(layer is not None and not objects)
        self.groups["objects"].setVisible(objects)
        self.more_fold.setVisible(objects)
        self.review_fold.setVisible(objects)
        self._fold_start(layer is not None)
        if layer is not None:
            # if no image fits, the buttons that need one say so
            with contextlib.suppress(UserError):
                source, _ = self.source.under(layer)
                self.keeper.keep(layer, source)
        self._offer()

    def _fold_start(self, annotated: bool) -> None:
        """Fold away what begins an annotation once there is one; the main button is what comes next."""
        self.source.correct_button.setVisible(annotated)
        show_in_turn(self.finetune_button if annotated else self.correct_button)
        if annotated == self.start_fold.isExpanded() and annotated != self._annotated:
            (self.start_fold.collapse if annotated else self.start_fold.expand)(animate=False)
        self._annotated = annotated

    def _actions(self, objects: bool) -> dict[str, Callable[[], None]]:
        everywhere: dict[str, Callable[[], None]] = {
            "j": self.next_region.go_on,
            "x": self._toggle_outlines,
            "z": self._toggle_labels,
            "PageDown": partial(self.checks.go_to_unchecked, 1),
            "PageUp": partial(self.checks.go_to_unchecked, -1),
        }
        if objects:
            tools = {key: partial(self.objects.toggle, name) for key, name in KEYS.items()}
            review = {"a": self.accept_object, "Shift-A": self.review.go_back}
            return {**everywhere, **tools, **review, "n": self.objects.take_next}
        digits = {str(i): partial(self.pick, i) for i in range(DIGIT_KEYS)}
        return {**everywhere, **digits}

    def _toggle_outlines(self) -> None:
        layer = self.annotation.layer
        layer.contour = 0 if layer.contour else OUTLINE_PX

    def _toggle_labels(self) -> None:
        layer = self.annotation.layer
        layer.visible = not layer.visible

    def accept_object(self) -> None:
        """Accept the object that is reviewed; at first, list what there is to review."""
        self.review_fold.expand(animate=False)
        self.review.accept()

    def review_suspects(self, layer: Labels) -> None:
        """List the annotations of a layer that the U-Net disagrees with."""
        self.annotation.choose(layer)
        self.review_fold.expand(animate=False)
        self.review.list_suspects()

    def _under(self) -> tuple[ImageLayer, Image]:
        return self.source.under(self.annotation.layer)

    def _chosen(self) -> tuple[ImageLayer, Image, Labels | None]:
        layer = self.annotation.layer
        source, image = self.source.chosen() if layer is None else self.source.under(layer)
        return source, image, layer

    def _numbered(self) -> Numbered:
        """Return the objects of the annotation; those of a 2-D network lie in single planes."""
        layer = self.annotation.layer
        source, image = self.source.under(layer)
        model = self.session.model
        planes = model is not None and model.spec.axes == "YX"
        return Numbered(image, layer, "YX" if planes else "", place(source, image.axes).inside)

    def _plane_known(self, layer: Labels, view: View) -> PlaneKnown:
        return plane_known(self.session, *self.source.under(layer), layer.data, view)

    def _offer(self) -> None:
        layer = self.annotation.layer
        none = "" if layer is not None else NO_ANNOTATION
        scribbles = layer is not None and kind_of(layer) == "scribbles"
        offer(self.annotation.native, ANNOTATION_TIP, none)
        offer(self.finetune_button, FINETUNE_TIP, none)
        offer(self.correct_button, CORRECT_TIP, "" if self.source.result.layer else NO_RESULT)
        offer(self.quick_button, QUICK_TIP, none)
        self.checks.offer(SCRIBBLES if scribbles else none)
        self.next_region.offer(
            image=self.source.image.layer is not None, unchecked=SCRIBBLES if scribbles else none
        )

    def _open_finetune(self) -> Any:
        """Open *Fine-tune* with the annotation; return the panel, or None if no image fits."""
        with self.reporting():
            layer = self.annotation.layer
            source, _ = self.source.under(layer)
            panel: Any = self.session.open_panel("Fine-tune")
            panel.form.learn_from(source, layer)
            return panel
        return None

    def _tune_quickly(self) -> None:
        with self.reporting():
            self.session.jobs.check_idle()
            panel = self._open_finetune()
            # a network that waits for a decision, or a training that runs, is left alone
            if panel is not None and not panel.busy:
                panel.form.settings.preset.value = "Quick"
                panel.form.train_button.click()


def _group(title: str, *inside: QWidget) -> QGroupBox:
    group = QGroupBox(title)
    box = QVBoxLayout(group)
    box.setContentsMargins(6, 6, 6, 6)
    for part in inside:
        box.addWidget(part)
    return group
