"""*Annotate*: correct a result or paint a new annotation, with classes and tools for objects."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.gui.annotate.actions import Actions
from napari_unet.gui.annotate.checks import Checks
from napari_unet.gui.annotate.class_list import ClassList
from napari_unet.gui.annotate.commands import shown
from napari_unet.gui.annotate.keys import LayerKeys
from napari_unet.gui.annotate.next_region import NextRegionForm
from napari_unet.gui.annotate.pages import Pages
from napari_unet.gui.annotate.review import ReviewForm
from napari_unet.gui.annotate.shortcuts import NEWS, keys_of
from napari_unet.gui.annotate.source import AnnotationSource
from napari_unet.gui.journal.restore_offer import RestoreOffer
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.purpose import is_annotation, kind_of
from napari_unet.gui.objects.measure_row import MeasureRow
from napari_unet.gui.objects.measuring import Numbered
from napari_unet.gui.objects.plane_known import plane_known
from napari_unet.gui.objects.tools import ObjectTools
from napari_unet.gui.widgets.fields import button, offer
from napari_unet.gui.widgets.layer_choice import LayerChoice
from napari_unet.gui.widgets.panel import Panel

if TYPE_CHECKING:
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
        self.restore_offer = RestoreOffer(self.keeper.restoring, lambda: self.source.image.layer)
        self.classes = ClassList()
        self.objects = ObjectTools(viewer, self._plane_known)
        self.measures = MeasureRow(viewer, self._numbered)
        self.checks = Checks(self, self._under, lambda: self.annotation.layer)
        self.next_region = NextRegionForm(
            viewer, self.session, self._chosen, self.checks.box_button
        )
        self.review = ReviewForm(viewer, self.session, self._chosen, self._numbered)
        self.finetune_button = button("Fine-tune…", FINETUNE_TIP, main=True)
        self.correct_button = self.source.correct_button
        self.quick_button = button("Tune quickly", QUICK_TIP)
        self.actions = Actions(self)
        self._keys = LayerKeys()
        self._lay_out()
        self._connect()
        self._take()

    def _lay_out(self) -> None:
        self.pages = pages = Pages(self)
        self.groups, self.start_fold, self.review_fold = pages.groups, pages.start, pages.review
        self.body.addWidget(self.restore_offer)
        pages.lay_out(self.body)

    def _connect(self) -> None:
        self.annotation.changed.connect(self._take)
        self.source.made.connect(self.annotation.choose)
        self.keeper.restoring.restored.connect(self.annotation.choose)
        self.restore_offer.refused.connect(self.foot.message.show_error)
        self.source.changed.connect(self._offer)
        self.source.changed.connect(self.restore_offer.look)
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
        self.finetune_button.clicked.connect(self._open_finetune)
        self.quick_button.clicked.connect(self._tune_quickly)
        NEWS.changed.connect(self._bind_keys)

    def let_go(self) -> None:
        """Stop listening to the viewer, and give the keys back."""
        # a panel may be let go twice: by its owner, and when its dock is closed
        with contextlib.suppress(TypeError, RuntimeError):
            NEWS.changed.disconnect(self._bind_keys)
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
        self._bind_keys()
        self.pages.take(layer)
        if layer is not None:
            # if no image fits, the buttons that need one say so
            with contextlib.suppress(UserError):
                source, _ = self.source.under(layer)
                self.keeper.keep(layer, source)
        self._offer()

    def _bind_keys(self) -> None:
        """Bind the keys, and show them."""
        layer, keys = self.annotation.layer, keys_of()
        self._keys.bind(layer, self.actions.by_key(layer, keys))
        first = {name: shown(str(its[0])) for name, its in keys.items() if its}
        self.objects.show_keys(first)
        self.review.show_keys(first)
        self.next_region.show_key(first.get("suggest", ""))

    def run(self, name: str) -> None:
        """Do what a command of this panel does, or say what is missing for it."""
        with self.reporting():
            self.actions.run(name)

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
