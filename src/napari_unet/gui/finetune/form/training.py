"""The settings of a training: preset, augmentation, and the rest in folded sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.options_form import OptionsForm
from napari_unet.services.training.options import (
    PRESET_FIELDS,
    PRESETS,
    FinetuneOptions,
    apply_preset,
    preset_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QFormLayout, QWidget

    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.training.options import Preset

PRESET_TIP = (
    "How long to train. Quick: a minute, to see whether it goes the right way. Standard: a few minutes. "
    "Thorough: up to twenty minutes, for the best network."
)
CLASSES_TIP = (
    "The classes you annotated, without the background, separated by commas: for example nucleus, "
    "membrane. Only if they differ from those of the U-Net, which then gets a new last layer."
)
TASK_TIP = (
    "What the network learns to tell: which class each pixel is of, or single objects, also where they "
    "touch; the annotation for that is objects. Another task than the U-Net's gets a new last layer, "
    "which wants more annotation and a longer training."
)
AUGMENT = (
    "mirror",
    "rotation",
    "tilt",
    "scale",
    "shear",
    "elastic",
    "grid",
    "gain",
    "brightness",
    "background",
    "gamma",
    "noise",
    "blur",
    "invert",
)
REST = (
    "minutes",
    "steps",
    "learning_rate",
    "patch",
    "batch",
    "use_checkpointing",
    "held_out",
    "patience",
    "border_weight",
    "border_width",
    "device",
    "precision",
    "memory",
    "seed",
    "task",
    "classes",
    "diameter",
    "rescale",
)


class TrainingForm(OptionsForm[FinetuneOptions]):
    """The settings of a training; ``preset`` sets its length.

    Parameters
    ----------
    parent
        The form of *Fine-tune*.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(FinetuneOptions, ("augment", *REST), parent=parent)
        self.append(Choice([(name, name) for name in PRESETS], name="preset", tooltip=PRESET_TIP))
        self.task.tooltip, self.classes.tooltip = TASK_TIP, CLASSES_TIP
        self.fit_model(None)
        self._note_preset()
        self.preset.changed.connect(self._take_preset)
        for field in PRESET_FIELDS:
            self[field].changed.connect(self._note_preset)

    def lay_out(self, form: QFormLayout, details: QFormLayout, folded: QFormLayout) -> None:
        """Add the rows: the main ones, the details of the augmentation, and the rest."""
        form.addRow("Training", self.preset.native)
        self.augment.add_rows(form, "strength")
        self.augment.add_rows(details, *AUGMENT)
        self.add_rows(folded, *REST)

    def put(self, options: FinetuneOptions) -> None:
        """Set the form to these options."""
        super().put(options)
        self._note_preset()

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Show the task and the classes that are used where none is set."""
        words = {value: word for word, value in self.task.entries}
        word = "as annotated" if spec is None else f"as before: {words[spec.task]}"
        self.task.name_choice(None, word)
        own = "" if spec is None else ", ".join(spec.label_names.values())
        self.classes.native.setPlaceholderText(own or "as many as are annotated")

    def name_classes(self, names: Sequence[str]) -> None:
        """Set the classes to learn; the task becomes classes, as a network of objects has none."""
        changes: dict[str, Any] = {"task": "semantic", "classes": tuple(names)}
        self.put(self.value().model_copy(update=changes))

    def _take_preset(self, name: Preset) -> None:
        self.put(apply_preset(self.value(), name))

    def _note_preset(self) -> None:
        """Show the preset that the settings follow; if they follow none, the last one stays."""
        preset = preset_of(self.value())
        if preset is not None:
            with self.preset.changed.blocked():
                self.preset.value = preset
