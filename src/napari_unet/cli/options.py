"""Options of commands, made from the fields of the models that declare them.

A command says which model it takes with `with_options` and gets what was typed as ``**settings``, from
which `options_from` makes the model. Name, type, default, bounds and description are declared once, in
the model.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import pydantic
import typer
from pydantic.fields import FieldInfo

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization

Command = TypeVar("Command", bound=Callable[..., None])
M = TypeVar("M", bound=pydantic.BaseModel)

PANELS = {
    "Image": ("channels", "diameter", "normalization", "rescale", "pixel_size"),
    "Labels": ("threshold", "objects", "separation", "smallest", "fill_holes", "mirror"),
    "Training": ("steps", "minutes", "classes", "task", "held_out", "seed", "augment_strength"),
    "By blocks": ("block", "largest_part"),
    "Computing": (
        "device",
        "engine",
        "precision",
        "tile",
        "memory",
        "batch",
        "patch",
        "use_checkpointing",
    ),
}
"""Panels of ``--help`` and the options in them; details come last."""
FLAGS = {"channels": "channel", "average": "weight-average", "augment_strength": "strength"}
"""Options that are not called like their field."""
HELP = {
    "channels": "Image channel for an input of the network, by number (from 0) or name; give it once "
    "for each input.",
    "normalization": "Instead of the model's own, which 'models show' gives.",
    "minutes": "Time to train; fewer steps are taken if need be; 0: no limit.",
    "augment_strength": "Strength of the augmentation: multiplies every --augment-… setting; 0: none.",
    "classes": "Names of the annotated classes without the background, separated by commas. Names "
    "other than the model's get a new last layer.",
}
"""Help where the command line is typed differently from what Python takes."""
NONE = re.compile(r"[;.]?(?:^| )none: ([^.;]+)", re.IGNORECASE)
"""What a description says about None: the help shows it as the default."""


def with_options(
    model: type[pydantic.BaseModel], *, only: Collection[str] = (), without: Collection[str] = ()
) -> Callable[[Command], Command]:
    """Give a command, in place of its ``**settings``, an option for each field of a model.

    Parameters
    ----------
    model
        The model; a model in it contributes its fields, as ``--augment-rotation``.
    only, without
        Names of fields: just these, or all but these.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        options = [
            _parameter("_".join(path), field)
            for path, field in _fields(model)
            if path[0] not in without and (not only or path[0] in only)
        ]
        listed = [name for names in PANELS.values() for name in names]
        rank = {name: number for number, name in enumerate(listed)}
        options.sort(key=lambda p: rank.get(p.name, len(rank) + p.name.startswith("augment_")))
        changed = signature.replace(parameters=[*own, *options])
        command.__signature__ = changed  # type: ignore[attr-defined]
        return command

    return decorate


def options_from(model: type[M], settings: Mapping[str, Any]) -> M:
    """Make a model from what was typed.

    Parameters
    ----------
    model
        The model.
    settings
        Text, choices and switches by option; None: not given.

    Raises
    ------
    UserError
        When a value is not allowed; it names the option.
    """
    with naming_options(model):
        return model(**typed_values(model, settings))


def typed_values(model: type[pydantic.BaseModel], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed by the fields of a model, not yet checked; what was not is left out."""
    values: dict[str, Any] = {}
    for path, field in _fields(model):
        typed = settings.get("_".join(path))
        if typed is not None:
            target = values.setdefault(path[0], {}) if path[1:] else values
            target[path[-1]] = _value(path[-1], field, typed)
    return values


@contextmanager
def naming_options(model: type[pydantic.BaseModel]) -> Iterator[None]:
    """Turn errors about fields of a model into a `UserError` about the options that set them."""
    try:
        yield
    except (pydantic.ValidationError, UserError) as error:
        cause = error.__cause__ if isinstance(error, UserError) else error
        if isinstance(cause, pydantic.ValidationError):
            first = cause.errors()[0]
            path = tuple(map(str, first["loc"]))
            if path[0] in model.model_fields and first["type"] != "extra_forbidden":
                raise _not_allowed(path, first["input"], first["msg"]) from error
        raise


def flag(*path: str) -> str:
    """Return the option that sets a field, such as ``--pixel-size``."""
    name = "_".join(path)
    return f"--{FLAGS.get(name, name).replace('_', '-')}"


def changed_flags(options: pydantic.BaseModel) -> list[str]:
    """Return the options that make fields differ from their defaults."""
    flags = []
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if value != field.default:
            flags.append(f"--no-{flag(name)[2:]}" if value is False else flag(name))
    return flags


def _fields(
    model: type[pydantic.BaseModel], *path: str
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, pydantic.BaseModel):
            yield from _fields(inner, *path, name)
        else:
            yield (*path, name), field


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return an option for a field; left out, it is None, and the model's default holds."""
    flags, kind = flag(name), _kind(field)
    metavar = None
    typed: Any = str
    if kind is bool:
        typed, flags = bool, f"{flags}/--no-{flags[2:]}"
    elif get_origin(kind) is Literal:
        typed, metavar = kind, "CHOICE"
    elif kind is tuple and name in FLAGS:
        typed, metavar = list[str], "NAME"
    else:
        metavar = {int: "INTEGER", float: "NUMBER"}.get(kind, "TEXT")
    description = _described(name, field, kind)
    option = typer.Option(
        flags, help=description, metavar=metavar, show_default=False, rich_help_panel=_panel(name)
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[typed | None, option],
    )


def _kind(field: FieldInfo) -> Any:
    """Return a field's type without None: bool, int, float, str, tuple or choices."""
    kind = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (a for a in get_args(kind) if a is not type(None))
    if kind is Normalization:
        choices = Normalization.model_fields["kind"]
        kind = choices.annotation
    return tuple if get_origin(kind) is tuple else kind


def _panel(name: str) -> str:
    panels = (title for title, names in PANELS.items() if name in names)
    return next(panels, "Augmentation" if name.startswith("augment_") else "Training, in detail")


def _described(name: str, field: FieldInfo, kind: Any) -> str:
    """Return what an option does, with its limits or choices and its default in parentheses."""
    text = str(field.description or field.title)
    none = NONE.search(text)
    text = HELP.get(name) or NONE.sub("", text).strip()
    default = field.default
    if default is None:
        shown = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = none[1].strip() if none else shown.get("none", "automatic")
    elif isinstance(default, bool):
        default = "on" if default else "off"
    elif isinstance(default, float):
        default = f"{default:g}"
    allowed = _limits(field)
    if get_origin(kind) is Literal:
        *first, last = get_args(kind)
        allowed = f"{', '.join(first)} or {last}"
    note = "; ".join(part for part in (allowed, f"default: {default}") if part)
    return f"{text.rstrip('.')} ({note})."


def _limits(field: FieldInfo) -> str:
    """Return the limits of a number, such as "0 to 1"; an upper one without a lower occurs nowhere."""
    low, high = (
        next((getattr(m, name) for m in field.metadata if hasattr(m, name)), None)
        for name in ("ge", "le")
    )
    if low is None:
        return ""
    return f"{low:,} or more" if high is None else f"{low:,} to {high:,}"


def _value(name: str, field: FieldInfo, typed: Any) -> Any:
    if typed == "auto" and field.default is None:
        return None
    if name == "minutes":
        return None if typed.strip("0.") == "" else typed
    if name == "channels":
        names = typed.split(",") if isinstance(typed, str) else typed
        return tuple(int(c) if c.isdigit() else c for c in names)
    if name == "classes":
        return tuple(c.strip() for c in typed.split(","))
    if name == "normalization":
        return Normalization(kind=typed)
    return typed


def _not_allowed(path: tuple[str, ...], value: object, message: str) -> UserError:
    return UserError(
        f"{flag(*path)} can't be used",
        value=value,
        rule=f"{message.replace('Input should be', 'It must be')}.",
        remedy="See --help for what it takes.",
    )
