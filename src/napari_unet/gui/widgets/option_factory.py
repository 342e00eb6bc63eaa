"""Magicgui factories of functions that take options."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from magicgui import magic_factory
from magicgui.widgets import ComboBox

from napari_unet.gui.widgets.fields import make_narrow
from napari_unet.gui.widgets.options_form import field_widget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel


def option_factory(
    button: str, declared: type[BaseModel] | None = None, fields: Sequence[str] = (), **texts: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Make a widget factory of a function, with a control for each parameter and each field of options.

    Parameters
    ----------
    button
        The text of the button.
    declared, fields
        Options that the function takes by keyword, and the fields to show.
    **texts
        The widget, placeholder and tooltip of a parameter.
    """

    def make(function: Callable[..., Any]) -> Any:
        # magicgui would add the returned layers to the viewer again
        function.__annotations__.pop("return", None)
        infos = {name: declared.model_fields[name] for name in fields} if declared else {}
        signature = inspect.signature(function, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        more = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=i.default, annotation=i.annotation
            )
            for name, i in infos.items()
        ]
        function.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
        looks = {name: field_widget(declared, name) for name in fields} if declared else {}
        for name, (kind, none, tip) in texts.items():
            looks[name] = {"widget_type": kind, "none": none, "tooltip": tip}
        return magic_factory(function, call_button=button, widget_init=_init, **looks)

    return make


def _init(widget: Any) -> None:
    """Let long layer names be cut off instead of widening the dock."""
    for row in widget:
        if isinstance(row, ComboBox):
            make_narrow(row.native)
