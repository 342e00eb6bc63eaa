"""The folded rows of *Segment* that say how objects are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout
from superqt import QLabeledDoubleSlider

from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.gui.widgets.fields import add_option, choice
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_unet.core.model.spec import ModelSpec

KINDS = {"as trained": None, "number objects": True, "tell classes": False}


class ObjectsForm(QObject):
    """What is numbered, foreground, separation, smallest object, holes.

    Parameters
    ----------
    form
        The rows are added to it.
    """

    changed = Signal()
    """A setting has another value, perhaps while a slider is being moved."""
    kind_changed = Signal()
    """Another kind of labels is wanted."""

    def __init__(self, form: QFormLayout) -> None:
        super().__init__()
        self._form = form
        usual = ObjectOptions()
        self._own = {"threshold": usual.foreground, "separation": usual.seed}
        self._spec: ModelSpec | None = None
        self.kind = choice("")
        for title, value in KINDS.items():
            self.kind.addItem(title, value)
        self.foreground = self._slider()
        self.separation = self._slider()
        self.smallest = QDoubleSpinBox()
        self.smallest.setRange(0, 1e9)
        self.smallest.setSpecialValueText("10 pixels")
        self.fill_holes = QCheckBox()
        self._add("objects", self.kind)
        self._add("threshold", self.foreground)
        self._add("separation", self.separation)
        self._add("smallest", self.smallest)
        self._add("fill_holes", self.fill_holes)
        self.foreground.setValue(self._own["threshold"])
        self.separation.setValue(self._own["separation"])
        self.fill_holes.setChecked(SegmentOptions.model_fields["fill_holes"].default)
        self.kind.currentIndexChanged.connect(self._take_kind)
        self.foreground.valueChanged.connect(self.changed)
        self.separation.valueChanged.connect(self.changed)
        self.smallest.valueChanged.connect(self.changed)
        self.fill_holes.toggled.connect(self.changed)

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Show what a model does by itself, and offer what has an effect on it."""
        wish = self._wish("separation", self.separation)
        if spec is not None:
            self._own = {"threshold": spec.threshold, "separation": spec.separation}
        # another model is no wish for other objects
        with QSignalBlocker(self):
            self.foreground.setValue(self._own["threshold"])
            self.separation.setValue(self._own["separation"] if wish is None else wish)
        self._spec = spec
        self._offer()

    def values(self) -> dict[str, Any]:
        """Return what is set, by the names of the fields of ``SegmentOptions``."""
        return {
            "objects": self.kind.currentData(),
            "threshold": self._wish("threshold", self.foreground),
            "separation": self._wish("separation", self.separation),
            "smallest": self.smallest.value() or None,
            "fill_holes": self.fill_holes.isChecked(),
        }

    def put(self, options: SegmentOptions) -> None:
        """Set what options say."""
        self.kind.setCurrentIndex(self.kind.findData(options.objects))
        for name, slider in (("threshold", self.foreground), ("separation", self.separation)):
            value = getattr(options, name)
            slider.setValue(self._own[name] if value is None else value)
        self.smallest.setValue(options.smallest or 0)
        self.fill_holes.setChecked(options.fill_holes)

    def _take_kind(self) -> None:
        self._offer()
        self.kind_changed.emit()

    def _offer(self) -> None:
        """Offer what has an effect on the labels."""
        spec, kind = self._spec, self.kind.currentData()
        alone = spec is None or spec.task == "objects"
        numbers = alone if kind is None else kind
        self.foreground.setEnabled(spec is None or spec.activation != "softmax")
        self.separation.setEnabled(alone and numbers)
        self.smallest.setEnabled(numbers)
        self.fill_holes.setEnabled(numbers)

    def _wish(self, name: str, slider: QLabeledDoubleSlider) -> float | None:
        """Return a slider's value, None where it is what the model does by itself."""
        value = round(slider.value(), 2)
        return None if value == round(self._own[name], 2) else value

    def _slider(self) -> QLabeledDoubleSlider:
        slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 1)
        slider.setSingleStep(0.01)
        slider.setDecimals(2)
        return slider

    def _add(self, field: str, widget: QWidget) -> None:
        add_option(self._form, field, SegmentOptions.model_fields[field], widget)
