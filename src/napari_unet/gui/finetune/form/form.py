"""The form of *Fine-tune*: the U-Net, the annotations and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.finetune.form.annotation_summary import AnnotationSummary
from napari_unet.gui.finetune.form.pairs import PairsForm
from napari_unet.gui.finetune.form.request import Request
from napari_unet.gui.finetune.form.start import StartRow
from napari_unet.gui.finetune.form.training import TrainingForm
from napari_unet.gui.layers.annotation_layers import class_names
from napari_unet.gui.layers.diameter import kept_diameter
from napari_unet.gui.layers.images import identity
from napari_unet.gui.widgets.fields import button, folded, form

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels
    from qtpy.QtGui import QShowEvent

    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.gui.session.session import Session
    from napari_unet.services.storage.work_folder import WorkImage
    from napari_unet.services.training.options import FinetuneOptions

PREVIEW_TIP = (
    "Show a few annotated patches as the network will see them, rotated, deformed and changed in "
    "brightness, in layers beside the image."
)
LEARN_TIP = (
    "Keep training in the background while you annotate, and show the current segmentation of the part "
    "in view. It pauses while another job runs, and when training longer brings nothing."
)
OTHERS_TIP = (
    "Learn from all images of the folder that are annotated with this kind of labels, too. What is "
    "marked as checked counts in each of them."
)
TRAIN_TIP = "Train the U-Net on your annotations. You decide at the end whether to keep the result."


class FinetuneForm(QWidget):
    """Everything that is set before a training.

    Its buttons *Keep learning* and *Train* are laid out by the panel.

    Parameters
    ----------
    viewer
        Its layers can be chosen.
    session
        Has the current U-Net.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._session = session
        top, how, details, rest = form(), form(), form(), form()
        # some titles are long
        for rows in (details, rest):
            rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.start = StartRow(session, top)
        self.pairs = PairsForm(viewer)
        self.others_box = QCheckBox()
        self.others_box.setToolTip(OTHERS_TIP)
        self.others_box.setChecked(True)
        self.others_box.hide()
        self.settings = TrainingForm(self)
        self.settings.lay_out(how, details, rest)
        self.summary = AnnotationSummary(self, viewer, session.jobs, self.request)
        self.preview_button = button("Preview augmentation", PREVIEW_TIP)
        self.learn_button = button("Keep learning", LEARN_TIP)
        self.train_button = button("Train", TRAIN_TIP, main=True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        details.addRow(self.preview_button)
        box.addLayout(top)
        box.addWidget(self.pairs)
        box.addWidget(self.others_box)
        box.addLayout(how)
        box.addWidget(folded("Augmentation details", details))
        box.addWidget(folded("Advanced", rest))
        # last, as they change by themselves
        box.addWidget(self.summary.summary_label)
        box.addWidget(self.summary.findings)
        box.addWidget(self.summary.plan_label)
        session.model_changed.connect(self._fit_model)
        session.jobs.ended.connect(self.summary.form_changed)
        self.start.changed.connect(self._fit_model)
        self.pairs.changed.connect(self._fit_axes)
        self.settings.changed.connect(self._tell)
        self.others_box.toggled.connect(self._tell)
        self._fit_model()

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        self.pairs.let_go()
        self.summary.let_go()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make the plan, which is not made while the form is hidden."""
        super().showEvent(event)
        self.summary.come_into_sight()

    @property
    def needs_model(self) -> bool:
        """Whether the U-Net to tune must be loaded first."""
        return self.start.ndim is None and self._session.model is None

    def learn_from(self, source: ImageLayer, labels: Labels) -> None:
        """Choose an image and its annotation, with all its classes if the U-Net knows fewer."""
        pair = self.pairs.first
        pair.image.layers.choose(source)
        pair.labels.choose(labels)
        spec, names = self._spec(), class_names(labels)
        if spec is not None and len(names) > len(spec.label_names):
            self.settings.name_classes(names)

    def request(self) -> Request:
        """Return what is set in the form.

        Raises
        ------
        UserError
            When something is missing.
        """
        pairs = self.pairs.pairs()
        start: Model | ModelSpec | int
        if self.start.ndim is not None:
            start = self.start.ndim
        else:
            start = self._session.model or self._session.library.spec(self._first)
        return Request(
            pairs=pairs,
            paints=tuple(pair.paint() for pair in pairs),
            start=start,
            options=self.options(),
            names=class_names(pairs[0].labels),
            source=self._session.source,
            others=self._others() if self.others_box.isChecked() else (),
        )

    def options(self) -> FinetuneOptions:
        """Return the settings, with the channels of the first image.

        Raises
        ------
        UserError
            When channels can be ticked but none is.
        """
        settings = self.settings.value()
        changes: dict[str, object] = {"channels": self.pairs.first.image.chosen_channels()}
        kept = kept_diameter(self.pairs.first.image.layer)
        if settings.diameter is None and kept is not None and self._only_scribbles():
            # they tell no size
            changes["diameter"] = kept.pixels
        return settings.model_copy(update=changes)

    def _others(self) -> tuple[WorkImage, ...]:
        """Return the other annotated images of the folder that the first pair is of."""
        first, work = self.pairs.first, self._session.work_list
        if work is None or first.image.layer is None:
            return ()
        return work.others(first.kind.value, first.image.layer)

    def _only_scribbles(self) -> bool:
        return all(form.kind.value == "scribbles" for form in self.pairs.forms)

    def state(self) -> Path | None:
        """Return the file for the state of this training; None while no image is chosen."""
        layers = [form.image.layer for form in self.pairs.forms]
        if layers[0] is None:
            return None
        ndim, source = self.start.ndim, self._session.source
        name = self._name() if ndim is None else f"new {ndim}-D network"
        origin = "" if ndim is not None else source or self._first
        known = [origin, *(identity(layer) for layer in layers if layer is not None)]
        return self._session.training_files.path(name, layers[0].name, known)

    @property
    def _first(self) -> str:
        """Name of the network that is loaded if none is."""
        return self._session.suggestions.first

    def _name(self) -> str:
        model = self._session.model
        return self._first if model is None else model.spec.name

    def _spec(self) -> ModelSpec | None:
        """Return the description of the U-Net to tune; None for a new one."""
        if self.start.ndim is not None:
            return None
        if self._session.model is not None:
            return self._session.model.spec
        try:
            return self._session.library.spec(self._first)
        except UserError:
            return None

    def _fit_model(self, _: object = None) -> None:
        loaded = self._session.model is not None
        self.start.show_model(self._name() if loaded else f"{self._first}, not loaded")
        spec = self._spec()
        self.settings.fit_model(spec)
        # emits that the pairs have changed
        self.pairs.fit_model(spec)

    def _fit_axes(self) -> None:
        self.start.fit_axes(self.pairs.first.image.letters)
        self._tell()

    def _tell(self) -> None:
        n = len(self._others())
        self.others_box.setText(f"Also {n} other annotated image{'s' * (n != 1)} of the folder")
        self.others_box.setVisible(n > 0)
        self.summary.form_changed()
        self.changed.emit()
