"""How to train: a preset, how much the patches vary, and folded away the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFormLayout, QLineEdit

from napari_unet.core.training.options import TrainingOptions
from napari_unet.gui.widgets.augment_form import AugmentForm
from napari_unet.gui.widgets.fields import choice
from napari_unet.gui.widgets.setting_box import SettingBox
from napari_unet.services.training.options import PRESET_FIELDS, PRESETS, preset_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.model.spec import ModelSpec, Task
    from napari_unet.services.training.options import FinetuneOptions, Preset

PRESET_TIP = (
    "How long to train. Quick: a minute, to see whether it goes the right way. Standard: a few minutes. "
    "Thorough: up to twenty minutes, for the best network."
)
CLASSES_TIP = (
    "What you painted, without the background, separated by commas: for example nucleus, membrane. "
    "Only if it is something else than what the U-Net knows; it then gets a new last layer."
)
TASK_TIP = (
    "What the network learns to tell: which class each pixel is of, or single objects, also where they "
    "touch; paint for that is objects. Another task than the U-Net's gets a new last layer, which wants "
    "more paint and a longer training."
)
TASKS: dict[Task | None, str] = {
    None: "",
    "semantic": "classes of pixels",
    "objects": "single objects",
}
"""What the box says for each task; what it says for none depends on the U-Net."""
BOXES: dict[str, dict[str, Any]] = {
    "minutes": {"decimals": 1, "suffix": " min", "none": "no limit"},
    "steps": {"step": 100},
    "learning_rate": {"step": 1e-4, "decimals": 5},
    "patch": {"step": 32, "suffix": " px"},
    "batch": {},
    "use_checkpointing": {},
    "held_out": {"step": 0.05},
    "patience": {},
    "border_weight": {"decimals": 1},
    "border_width": {"decimals": 1, "suffix": " px"},
    "device": {},
    "precision": {},
    "memory": {"suffix": " GiB"},
    "seed": {},
}


class TrainingForm(QObject):
    """Rows of three forms.

    Parameters
    ----------
    form
        Gets the preset and the strength of the augmentation.
    details
        Gets the details of the augmentation.
    folded
        Gets the rest.
    """

    changed = Signal()
    """A setting has another value."""

    def __init__(self, form: QFormLayout, details: QFormLayout, folded: QFormLayout) -> None:
        super().__init__()
        self.preset = choice(PRESET_TIP)
        self.preset.addItems(list(PRESETS))
        self.preset.setCurrentText("Standard")
        form.addRow("Training", self.preset)
        self.augment = AugmentForm(form, details)
        self.boxes = {
            name: SettingBox(TrainingOptions, name, folded, **how) for name, how in BOXES.items()
        }
        self.task = choice(TASK_TIP)
        self.task.addItems(list(TASKS.values()))
        folded.addRow("Task", self.task)
        self.classes = QLineEdit()
        self.classes.setToolTip(CLASSES_TIP)
        folded.addRow("Classes", self.classes)
        self.augment.changed.connect(self.changed)
        self.preset.currentTextChanged.connect(self._take_preset)
        self.task.currentIndexChanged.connect(self.changed)
        self.classes.editingFinished.connect(self.changed)
        for box in self.boxes.values():
            box.changed.connect(self.changed)
        self.fit_model(None)

    def values(self) -> dict[str, Any]:
        """Return what is set, by the names of the fields of ``FinetuneOptions``."""
        found = {name: box.value() for name, box in self.boxes.items()}
        names = [name.strip() for name in self.classes.text().split(",")]
        classes = tuple(name for name in names if name)
        return {
            **found,
            "augment": self.augment.values(),
            "task": tuple(TASKS)[self.task.currentIndex()],
            "classes": classes or None,
        }

    def put(self, options: FinetuneOptions) -> None:
        """Set what options say."""
        if preset := preset_of(options):
            self.preset.setCurrentText(preset)
        for name, box in self.boxes.items():
            box.put(getattr(options, name))
        self.augment.put(options.augment)
        self.classes.setText(", ".join(options.classes or ()))
        self.task.setCurrentIndex(tuple(TASKS).index(options.task))

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Show which task and classes there are where nothing else is said."""
        self.task.setItemText(0, "as painted" if spec is None else f"as before: {TASKS[spec.task]}")
        own = "" if spec is None else ", ".join(spec.label_names.values())
        self.classes.setPlaceholderText(own or "as many as are painted")

    def name_classes(self, names: Sequence[str]) -> None:
        """Say that these classes are learnt, which a network of objects can't tell apart."""
        self.task.setCurrentIndex(tuple(TASKS).index("semantic"))
        self.classes.setText(", ".join(names))
        self.changed.emit()

    def _take_preset(self, name: Preset) -> None:
        for field in PRESET_FIELDS:
            self.boxes[field].put(getattr(PRESETS[name], field))
        self.changed.emit()
