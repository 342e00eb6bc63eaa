"""A form for the fields of a pydantic model."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from magicgui.widgets import CheckBox, Container
from pydantic import BaseModel

from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.numbers import MAX_NUMBER, NumberBox, NumberSlider
from napari_unet.gui.widgets.texts import Text, TextList

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo
    from qtpy.QtWidgets import QFormLayout, QWidget

M = TypeVar("M", bound=BaseModel)

AUTOMATIC = "automatic"
"""The word for None where the declaration has no other."""


class OptionsForm(Container, Generic[M]):
    """A magicgui container with a widget for each field of a pydantic model, nested models included.

    Widgets are found by the name of the field: ``form.threshold.value = 0.4``. Fields whose type has no
    widget keep the value that was put.

    Parameters
    ----------
    declared
        The model.
    fields
        The fields to show; None for all.
    name
        The name of a nested form.
    parent
        The widget in which the rows are laid out by `add_rows`; the container itself is then hidden.
    """

    def __init__(
        self,
        declared: type[M],
        fields: Iterable[str] | None = None,
        *,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        self._declared = declared
        self._options = declared()
        infos = declared.model_fields
        rows = [_row(declared, field) for field in (infos if fields is None else fields)]
        super().__init__(
            widgets=[row for row in rows if row is not None],
            labels=False,
            name=name,
            parent=parent,
            visible=None if parent is None else False,
        )

    def value(self) -> M:
        """Return the options that are set."""
        return self._declared.model_validate({**dict(self._options), **self._shown()})

    def put(self, options: M) -> None:
        """Set the form to these options; emits `changed` once, and no `changed` of the rows."""
        self._options = options
        with self.changed.blocked(), ExitStack() as rows:
            for row in self._rows():
                rows.enter_context(row.changed.blocked())
                value = getattr(options, row.name)
                row.put(value) if isinstance(row, OptionsForm) else row.set_value(value)
        self.changed.emit(self)

    def add_rows(self, rows: QFormLayout, *fields: str) -> None:
        """Add a row for each field to a layout.

        Parameters
        ----------
        rows
            Gets a label and a control for each field.
        *fields
            The fields in order; all if none is named.
        """
        for row in self._rows() if not fields else [self[field] for field in fields]:
            info = self._declared.model_fields[row.name]
            if isinstance(row, OptionsForm):
                row.add_rows(rows)
            else:
                rows.addRow(info.title or row.name.capitalize(), row.native)

    def explain(self, field: str, reason: str = "") -> None:
        """Enable a field, or disable it and give the reason in its tooltip."""
        row = self[field]
        row.enabled = not reason
        row.tooltip = reason or self._declared.model_fields[field].description

    def _rows(self) -> list[Any]:
        return [row for row in self if row.name in self._declared.model_fields]

    def _shown(self) -> dict[str, Any]:
        return {
            row.name: row.value() if isinstance(row, OptionsForm) else row.value
            for row in self._rows()
        }


def field_widget(declared: type[BaseModel], field: str) -> dict[str, Any]:
    """Return the magicgui options for a field.

    Parameters
    ----------
    declared
        The options.
    field
        The field's name.

    Returns
    -------
    dict
        ``widget_type`` and the arguments of its constructor; empty if the type has no widget.
    """
    info = declared.model_fields[field]
    kind = _control(info)
    if not kind:
        return {}
    title = info.title or field.capitalize()
    if kind["widget_type"] is CheckBox:
        kind["text"] = title
    else:
        kind |= {"label": title, "check": partial(_checked, declared, field)}
    return {**kind, "tooltip": info.description or ""}


def _row(declared: type[BaseModel], field: str) -> Any:
    """Return the widget of a field; None if its type has none."""
    info = declared.model_fields[field]
    kind = info.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return OptionsForm(kind, name=field)
    made = field_widget(declared, field)
    if not made:
        return None
    make = made.pop("widget_type")
    row = make(name=field, value=info.default, **made)
    if make is CheckBox:
        # the label is in the row
        row.text = ""
    return row


def _control(info: FieldInfo) -> dict[str, Any]:
    """Return the widget for a field's type, and its arguments; empty if there is none."""
    kinds, optional = _kinds(info.annotation)
    look = _look(info)
    none = look.pop("none", AUTOMATIC) if optional else ""
    first = kinds[0]
    choices = _choices(kinds, look)
    if choices:
        return {"widget_type": Choice, "choices": [*([(none, None)] if none else []), *choices]}
    if "by" in look:
        return _model_choice(first, look["by"], none)
    if first is bool:
        return {"widget_type": CheckBox}
    if first in (int, float):
        slides = look.pop("look", "") == "slider"
        own = {} if slides else {"whole": first is int, "none": none}
        kind = NumberSlider if slides else NumberBox
        return {"widget_type": kind, **_range(info, first, look), **own, **look}
    if first is str:
        return {"widget_type": Text}
    items = get_args(first)
    if get_origin(first) is tuple and items[1:] == (...,) and str in _kinds(items[0])[0]:
        return {"widget_type": TextList, "none": none, "numbers": int in _kinds(items[0])[0]}
    return {}


def _choices(kinds: tuple[Any, ...], look: dict[str, Any]) -> list[tuple[str, Any]]:
    listed = look.get("choices")
    if listed is not None:
        return [(x[0], x[1]) if isinstance(x, list) else (x, x) for x in listed]
    if get_origin(kinds[0]) is Literal:
        return [(str(value), value) for value in get_args(kinds[0])]
    return []


def _model_choice(model: type[BaseModel], by: str, none: str) -> dict[str, Any]:
    """Return a choice of models that differ in one field."""
    info = model.model_fields[by]
    words = _choices(_kinds(info.annotation)[0], _look(info))
    made = [(word, model(**{by: value})) for word, value in words]
    return {"widget_type": Choice, "choices": [(none, None), *made], "by": by}


def _range(info: FieldInfo, kind: type, look: dict[str, Any]) -> dict[str, float]:
    """Return the lowest and the highest value of a number."""
    bounds = {
        name: getattr(rule, name)
        for rule in info.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(rule, name, None) is not None
    }
    smallest = 1 if kind is int else 10.0 ** -look.get("decimals", 2)
    low = bounds["gt"] + smallest if "gt" in bounds else bounds.get("ge", 0)
    high = bounds["lt"] - smallest if "lt" in bounds else bounds.get("le", MAX_NUMBER)
    return {"low": low, "high": high}


def _look(info: FieldInfo) -> dict[str, Any]:
    extra = info.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def _kinds(annotation: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the types that an annotation allows besides None, and whether it allows that."""
    union = get_origin(annotation) in (Union, UnionType)
    kinds = get_args(annotation) if union else (annotation,)
    return tuple(kind for kind in kinds if kind is not NoneType), NoneType in kinds


def _checked(declared: type[BaseModel], field: str, value: Any) -> Any:
    """Return a value of a field as the options hold it; pydantic's ``ValueError`` if not allowed."""
    return getattr(declared.model_validate({field: value}), field)
