"""One setting in a form, made from the field that declares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from qtpy.QtCore import QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox

from napari_unet.gui.widgets.fields import add_option, choice

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

MOST = 1_000_000


class SettingBox(QObject):
    """A row with a setting: a number or a choice, with the title and the help of its field.

    Parameters
    ----------
    declared
        The options that have the field.
    name
        The field: a choice of texts, or a number, perhaps None.
    form
        The row is added to it.
    step, decimals, suffix
        Of a number.
    none
        What a number's box shows for None.
    """

    changed = Signal()

    def __init__(
        self,
        declared: type[BaseModel],
        name: str,
        form: QFormLayout,
        *,
        step: float = 1,
        decimals: int = 2,
        suffix: str = "",
        none: str = "automatic",
    ) -> None:
        super().__init__()
        info = declared.model_fields[name]
        self.default = info.default
        choices = _choices(info.annotation)
        self.box: Any
        if choices:
            self.box = choice("")
            self.box.addItems(choices)
            self.box.currentIndexChanged.connect(self.changed)
        else:
            self.box = QSpinBox() if int in _kinds(info.annotation) else QDoubleSpinBox()
            self._set_up(info, step, decimals)
            self.box.setSuffix(suffix)
            self.box.valueChanged.connect(self.changed)
        self._optional = type(None) in _kinds(info.annotation)
        if self._optional:
            # 0 is no value of theirs
            self.box.setMinimum(0)
            self.box.setSpecialValueText(none)
        add_option(form, name, info, self.box)
        self.put(self.default)

    def value(self) -> Any:
        """Return what is set."""
        if isinstance(self.box, QComboBox):
            return self.box.currentText()
        found = self.box.value()
        return None if self._optional and not found else found

    def put(self, value: Any) -> None:
        """Set a value, telling nobody."""
        with QSignalBlocker(self.box):
            if isinstance(self.box, QComboBox):
                self.box.setCurrentText(value)
            else:
                self.box.setValue(0 if value is None else value)

    def _set_up(self, info: FieldInfo, step: float, decimals: int) -> None:
        bounds = {}
        for rule in info.metadata:
            for bound in ("ge", "gt", "le", "lt"):
                if hasattr(rule, bound):
                    bounds[bound] = getattr(rule, bound)
        whole = isinstance(self.box, QSpinBox)
        smallest = 1 if whole else 10.0**-decimals
        low = bounds["gt"] + smallest if "gt" in bounds else bounds.get("ge", 0)
        high = bounds["lt"] - smallest if "lt" in bounds else bounds.get("le", MOST)
        if not whole:
            self.box.setDecimals(decimals)
        self.box.setRange(low, high)
        self.box.setSingleStep(int(step) if whole else step)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) or (annotation,)


def _choices(annotation: Any) -> tuple[str, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()
