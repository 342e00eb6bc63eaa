"""What the commands of *Annotate* do, by key, by the palette and by the list of shortcuts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.gui.annotate.commands import COMMANDS, SUITS
from napari_unet.gui.layers.purpose import kind_of
from napari_unet.gui.objects.tools import TIPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from napari.layers import Labels

    Action = Callable[[], None]

DIGIT_KEYS = 10
OUTLINE_PX = 2


class Actions:
    """The commands, done to the annotation that is chosen.

    Parameters
    ----------
    panel
        The panel *Annotate*.
    """

    def __init__(self, panel: Any) -> None:
        self._panel = panel
        tools: dict[str, Action] = {name: partial(panel.objects.toggle, name) for name in TIPS}
        self.of: dict[str, Action] = {
            **tools,
            "new": panel.objects.take_next,
            "accept": panel.accept_object,
            "back": panel.review.go_back,
            "next_class": partial(self._step_class, 1),
            "previous_class": partial(self._step_class, -1),
            "suggest": panel.next_region.go_on,
            "outlines": self._toggle_outlines,
            "labels": self._toggle_labels,
            "next_unchecked": partial(panel.checks.go_to_unchecked, 1),
            "previous_unchecked": partial(panel.checks.go_to_unchecked, -1),
            "check_plane": panel.checks.check_plane,
        }

    def by_key(self, layer: Labels | None, keys: Mapping[str, Sequence[Any]]) -> dict[Any, Action]:
        """Return what each key does while a layer is selected; digits pick classes."""
        if layer is None:
            return {}
        kind = kind_of(layer)
        digits: dict[Any, Action] = {}
        if kind != "objects":
            digits = {str(i): partial(self._panel.pick, i) for i in range(DIGIT_KEYS)}
        return digits | {
            key: self.of[name]
            for name, command in COMMANDS.items()
            if command.is_for(kind)
            for key in keys.get(name, ())
        }

    def run(self, name: str) -> None:
        """Do what a command says.

        Raises
        ------
        UserError
            When there is no annotation that it is for.
        """
        command, layer = COMMANDS[name], self._panel.annotation.layer
        if layer is None:
            raise UserError(
                "There is no annotation yet",
                rule=f"“{command.title}” works on an annotation.",
                remedy="Press “Correct this result” or “New annotation” first.",
            )
        if not command.is_for(kind_of(layer)):
            raise UserError(
                f"The annotation {layer.name!r} is of another kind",
                value=kind_of(layer),
                rule=f"“{command.title}” is for {SUITS[command.suits]}.",
                remedy="Select another annotation in the layer list, or begin a new one.",
            )
        self.of[name]()

    def _step_class(self, step: int) -> None:
        """Pick the class after the one that is painted, or before it; after the last comes the first."""
        layer, count = self._panel.annotation.layer, self._panel.classes.count
        self._panel.pick((int(layer.selected_label) + step) % count)

    def _toggle_outlines(self) -> None:
        layer = self._panel.annotation.layer
        layer.contour = 0 if layer.contour else OUTLINE_PX

    def _toggle_labels(self) -> None:
        layer = self._panel.annotation.layer
        layer.visible = not layer.visible
