"""The folded part of *Segment*: settings whose defaults are right for most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox

from napari_unet.core.image.normalization import Normalization
from napari_unet.gui.widgets.fields import add_option, choice
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_unet.core.model.spec import ModelSpec

NORMALIZATIONS = {
    "percentile": "percentiles",
    "zscore": "zero mean",
    "divide_255": "over 255",
    "linear": "linear",
}


class OptionsForm(QObject):
    """Rows of a form for device, precision, tile, memory, normalisation, pixel size and mirror images.

    Parameters
    ----------
    form
        The rows are added to it.
    """

    changed = Signal()
    """A setting has another value."""

    def __init__(self, form: QFormLayout) -> None:
        super().__init__()
        self._form = form
        self.device = self._choice("device")
        self.precision = self._choice("precision")
        self.tile = QSpinBox()
        self.tile.setRange(0, 16384)
        self.tile.setSingleStep(64)
        self.tile.setSuffix(" px")
        self.memory = QDoubleSpinBox()
        self.memory.setRange(0, 4096)
        self.memory.setSuffix(" GiB")
        self.normalization = choice("")
        self.normalization.addItem("", None)
        for kind, title in NORMALIZATIONS.items():
            self.normalization.addItem("none" if kind == "linear" else title, kind)
        for spin in (self.tile, self.memory):
            spin.setSpecialValueText("automatic")
            spin.valueChanged.connect(self.changed)
        self._add("device", self.device)
        self._add("precision", self.precision)
        self._add("tile", self.tile)
        self._add("memory", self.memory)
        self.rescale = QCheckBox()
        self.rescale.setChecked(True)
        self.rescale.toggled.connect(self.changed)
        self.pixel_size = QDoubleSpinBox()
        self.pixel_size.setRange(0, 1000)
        self.pixel_size.setDecimals(4)
        self.pixel_size.setSingleStep(0.05)
        self.pixel_size.setSuffix(" µm")
        self.pixel_size.setSpecialValueText("as stated")
        self.pixel_size.valueChanged.connect(self.changed)
        self._add("normalization", self.normalization)
        self._add("rescale", self.rescale)
        self._add("pixel_size", self.pixel_size)
        self.mirror = QCheckBox()
        self.mirror.toggled.connect(self.changed)
        self._add("mirror", self.mirror)
        self.normalization.setToolTip(Normalization.model_fields["kind"].description or "")
        self.fit_model(None)

    def values(self) -> dict[str, Any]:
        """Return what is set, by the names of the fields of ``SegmentOptions``."""
        kind = self.normalization.currentData()
        return {
            "device": self.device.currentText(),
            "precision": self.precision.currentText(),
            "tile": self.tile.value() or None,
            "memory": self.memory.value() or None,
            "normalization": None if kind is None else Normalization(kind=kind),
            "rescale": self.rescale.isChecked(),
            "pixel_size": self.pixel_size.value() or None,
            "mirror": self.mirror.isChecked(),
        }

    def put(self, options: SegmentOptions) -> None:
        """Set what options say."""
        self.device.setCurrentText(options.device)
        self.precision.setCurrentText(options.precision)
        self.tile.setValue(options.tile or 0)
        self.memory.setValue(options.memory or 0)
        own = options.normalization
        self.normalization.setCurrentIndex(
            0 if own is None else self.normalization.findData(own.kind)
        )
        self.rescale.setChecked(options.rescale)
        self.pixel_size.setValue(options.pixel_size or 0)
        self.mirror.setChecked(options.mirror)

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Show what a model does by itself where nothing is set."""
        own = "" if spec is None else NORMALIZATIONS[spec.normalization.kind]
        self.normalization.setItemText(0, f"as trained ({own})" if own else "as trained")
        size = () if spec is None else spec.pixel_size
        # short: the widest row makes the panel's width
        told = " × ".join(f"{s:.2g}" for s in (size[:1] if len(set(size)) == 1 else size))
        self.rescale.setText(f"to {told} µm" if size else "no size stated")
        for row in (self.rescale, self.pixel_size):
            row.setEnabled(bool(size))
        self.mirror.setText("" if spec is None else f"{1 << spec.config.ndim} times the time")

    def _choice(self, field: str) -> QComboBox:
        combo = choice("")
        combo.addItems(get_args(SegmentOptions.model_fields[field].annotation))
        combo.currentIndexChanged.connect(self.changed)
        return combo

    def _add(self, field: str, widget: QWidget) -> None:
        add_option(self._form, field, SegmentOptions.model_fields[field], widget)
