"""The pairs of image and annotation that a network learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QVBoxLayout, QWidget

from napari_unet.gui.finetune.form.pair import PairForm
from napari_unet.gui.layers.pairing import check_pairs
from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.gui.layers.layer_pair import LayerPair

ADD_TIP = "Also learn from another image and its annotation."


class PairsForm(QWidget):
    """One pair or more.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._classes: Sequence[str] = ("foreground",)
        self.forms: list[PairForm] = []
        self.add_button = button("Add another pair", ADD_TIP)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.addWidget(self.add_button)
        self.add_button.clicked.connect(self._add)
        self._add()

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        for form in self.forms:
            form.let_go()

    @property
    def first(self) -> PairForm:
        """The first pair; its channels are used for all."""
        return self.forms[0]

    def pairs(self) -> tuple[LayerPair, ...]:
        """Return what is chosen.

        Raises
        ------
        UserError
            When something is missing, a result was not corrected, or two pairs are the same.
        """
        pairs = tuple(form.pair() for form in self.forms)
        check_pairs(pairs)
        return pairs

    def fitting(self) -> list[tuple[Labels, ImageLayer]]:
        """Return the labels layers that are chosen, each with its image, as far as their shapes fit."""
        chosen = [(form, form.labels.layer, form.image.layer) for form in self.forms]
        return [(labels, source) for form, labels, source in chosen if form.fits(labels)]

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Offer channels for a network's inputs, and its classes for new annotations."""
        if spec is not None:
            self._classes = tuple(spec.label_names.values())
        for form in self.forms:
            form.classes = self._classes
        self.first.image.fit_model(spec)

    def _add(self) -> None:
        form = PairForm(self._viewer, first=not self.forms)
        form.classes = self._classes
        if self.forms:
            _choose_others(form, self.forms)
        self.forms.append(form)
        if len(self.forms) > 1:
            line = QFrame(form)
            line.setFrameShape(QFrame.Shape.HLine)
            form.layout().insertWidget(0, line)
        self._box.insertWidget(self._box.count() - 1, form)
        form.changed.connect(self.changed)
        form.removed.connect(lambda: self._remove(form))
        self._arrange()

    def _remove(self, form: PairForm) -> None:
        self.forms.remove(form)
        form.let_go()
        self._box.removeWidget(form)
        form.hide()
        form.deleteLater()
        self._arrange()

    def _arrange(self) -> None:
        # with several pairs, a click in the layer list is ambiguous
        for form in self.forms:
            form.follow(len(self.forms) == 1)
        self.changed.emit()


def _choose_others(form: PairForm, before: list[PairForm]) -> None:
    """Choose layers that no pair uses yet, if there are any."""
    images = [other.image.layer for other in before]
    for layer in form.image.layers.offered:
        if layer not in images:
            form.image.layers.choose(layer)
            break
    used = [other.labels.layer for other in before]
    # those that suit the image, if they are free
    for layer in (form.labels.layer, *form.labels.offered):
        if layer not in used and form.fits(layer):
            form.labels.choose(layer)
            break
