"""How much patches vary in training: one slider, and folded away what it multiplies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSlider, QWidget

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.gui.widgets.fields import add_option, choice
from napari_unet.gui.widgets.setting_box import SettingBox

if TYPE_CHECKING:
    from collections.abc import Mapping

STRENGTH_TIP = (
    "How much the patches that are learnt from are turned, stretched, bent and changed in brightness. "
    "Little paint wants more of it. “Preview augmentation” shows what it does to your own image."
)
TENTHS = 10
"""Steps of the slider for a strength of 1."""
BOXES: Mapping[str, dict[str, Any]] = {
    "rotation": {"step": 15, "decimals": 0, "suffix": "°"},
    "tilt": {"step": 5, "decimals": 0, "suffix": "°"},
    "scale": {"step": 0.05},
    "shear": {"decimals": 0, "suffix": "°"},
    "elastic": {"decimals": 0, "suffix": " px"},
    "grid": {"step": 8, "decimals": 0, "suffix": " px"},
    "gain": {"step": 0.05},
    "brightness": {"step": 0.05},
    "background": {"step": 0.1},
    "gamma": {"step": 0.05},
    "noise": {"step": 0.05},
    "blur": {"step": 0.5, "decimals": 1, "suffix": " px"},
}
AXES = ("ZYX", "YX", "ZX", "ZY", "X", "Y", "Z", "")
"""What may be mirrored: any of the axes."""
NO_AXIS = "none"


class AugmentForm(QObject):
    """Rows of two forms.

    Parameters
    ----------
    form
        Gets the slider.
    folded
        Gets the details.
    """

    changed = Signal()
    """A detail has another value."""

    def __init__(self, form: QFormLayout, folded: QFormLayout) -> None:
        super().__init__()
        self.strength = QSlider(Qt.Orientation.Horizontal)
        self.strength.setRange(0, 2 * TENTHS)
        self.strength.setToolTip(STRENGTH_TIP)
        self._said = QLabel()
        form.addRow("Augmentation", self._slider_row())
        self.mirror = choice("")
        for axes in AXES:
            self.mirror.addItem(axes or NO_AXIS, axes)
        add_option(folded, "mirror", AugmentOptions.model_fields["mirror"], self.mirror)
        self.boxes = {
            name: SettingBox(AugmentOptions, name, folded, **how) for name, how in BOXES.items()
        }
        self.strength.valueChanged.connect(self._say_strength)
        self.put(AugmentOptions())
        self.mirror.currentIndexChanged.connect(self.changed)
        for box in self.boxes.values():
            box.changed.connect(self.changed)

    def values(self) -> AugmentOptions:
        """Return what is set."""
        found = {name: box.value() for name, box in self.boxes.items()}
        strength = self.strength.value() / TENTHS
        return AugmentOptions(strength=strength, mirror=self.mirror.currentData(), **found)

    def put(self, options: AugmentOptions) -> None:
        """Set what options say."""
        self.strength.setValue(round(options.strength * TENTHS))
        self._say_strength(self.strength.value())
        self.mirror.setCurrentIndex(AXES.index(options.mirror))
        for name, box in self.boxes.items():
            box.put(getattr(options, name))

    def _slider_row(self) -> QWidget:
        row = QWidget()
        box = QHBoxLayout(row)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.strength, stretch=1)
        box.addWidget(self._said)
        return row

    def _say_strength(self, tenths: int) -> None:
        words = {0: "none", TENTHS: "usual", 2 * TENTHS: "strong"}
        self._said.setText(words.get(tenths, f"{tenths / TENTHS:.1f}×"))
        self._said.setMinimumWidth(self._said.fontMetrics().horizontalAdvance("strong") + 4)
