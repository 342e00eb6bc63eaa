"""What a user has noted of networks, and which was used last; kept beside the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_unet.core.atomic import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

FILE = "networks.json"
MOST_WORDS = 2000
"""Letters of a note that are kept."""


class _Content(BaseModel):
    model_config = ConfigDict(extra="ignore")

    last_used: str = ""
    notes: dict[str, str] = {}
    author: str = ""


class NetworkNotes:
    """Notes on networks by their names in the library, and the name of the last one used.

    Parameters
    ----------
    folder
        Where they are kept, in one file. A damaged file counts as empty.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    @property
    def last_used(self) -> str:
        """Name of the network that was used last; empty if none is known."""
        return self._read().last_used

    @property
    def author(self) -> str:
        """Who exports networks here; empty if that was not asked yet."""
        return self._read().author

    def set_author(self, author: str) -> None:
        """Remember who exports networks here.

        Raises
        ------
        UserError
            When the file can't be written.
        """
        self._write(self._read().model_copy(update={"author": author}))

    def note(self, name: str) -> str:
        """Return the note on a network; empty if there is none."""
        return self._read().notes.get(name, "")

    def use(self, name: str) -> None:
        """Remember the network that is used now.

        Raises
        ------
        UserError
            When the file can't be written.
        """
        content = self._read()
        if content.last_used != name:
            self._write(content.model_copy(update={"last_used": name}))

    def set_note(self, name: str, note: str) -> None:
        """Keep a note on a network; an empty one removes it.

        Raises
        ------
        UserError
            When the file can't be written.
        """
        content = self._read()
        notes = {key: text for key, text in content.notes.items() if key != name}
        if note.strip():
            notes[name] = note.strip()[:MOST_WORDS]
        self._write(content.model_copy(update={"notes": notes}))

    def rename(self, name: str, new: str) -> None:
        """Keep what is noted of a network under its new name.

        Raises
        ------
        UserError
            When the file can't be written.
        """
        content = self._read()
        notes = {new if key == name else key: text for key, text in content.notes.items()}
        last = new if content.last_used == name else content.last_used
        if (notes, last) != (content.notes, content.last_used):
            self._write(content.model_copy(update={"last_used": last, "notes": notes}))

    def _read(self) -> _Content:
        try:
            return _Content.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return _Content()

    def _write(self, content: _Content) -> None:
        with atomic_path(self._path) as temporary:
            temporary.write_text(content.model_dump_json(indent=1), "utf-8")
