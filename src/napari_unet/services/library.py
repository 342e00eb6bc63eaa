"""The models at hand: those that come with the package and those of the user."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from napari_unet.core.errors import UserError
from napari_unet.core.model.file import (
    MODEL_SUFFIX,
    is_model_file,
    load_model,
    read_spec,
    save_model,
)
from napari_unet.core.progress import Progress
from napari_unet.version import __version__

if TYPE_CHECKING:
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import Job

DEFAULT = "nuclei-fluorescence"
"""Name of the model that a new user starts with."""


@dataclass(frozen=True)
class Entry:
    """A model of the library.

    Attributes
    ----------
    name
        What ``--model`` takes: the file's name without its ending.
    path
        The model file.
    spec
        Its description, or None if the file can't be read.
    bundled
        Whether it came with the package; such a model can't be deleted.
    """

    name: str
    path: Path
    spec: ModelSpec | None
    bundled: bool

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self.path.stat().st_size


class Library:
    """A folder of model files beside the bundled ones.

    Parameters
    ----------
    folder
        The user's models; None: under the user's data directory. Made when first written to.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_data_path("napari-unet-studio", appauthor=False) / "models"

    def entries(self) -> list[Entry]:
        """All models, the user's first; a user's model hides a bundled one of the same name."""
        found: dict[str, Entry] = {}
        for folder, bundled in ((self.folder, False), (bundled_folder(), True)):
            for path in sorted(folder.glob(f"*{MODEL_SUFFIX}")) if folder.is_dir() else ():
                found.setdefault(path.stem, Entry(path.stem, path, _spec(path), bundled))
        return list(found.values())

    def entry(self, name: str) -> Entry:
        """Return the model of a name.

        Raises
        ------
        UserError
            When there is none.
        """
        entries = self.entries()
        for entry in entries:
            if entry.name == name:
                return entry
        raise UserError(
            f"There is no model {name!r}",
            value=f"the library holds {', '.join(e.name for e in entries) or 'no models'}",
            rule="A model is named as in 'napari-unet models', or by the path of its file or package.",
            remedy="Check the spelling, or give a path.",
        )

    def spec(self, name: str) -> ModelSpec:
        """Return the description of the model of a name, or in a model file.

        Raises
        ------
        UserError
            When there is none, or its file can't be read.
        """
        path = Path(name).expanduser()
        there = names_file(name) and path.is_file()
        if there and name not in (entry.name for entry in self.entries()):
            return read_spec(path)
        return read_spec(self.entry(name).path)

    def load(self, text: str) -> Job[Model]:
        """Load a model by its name in the library, its file, or a foreign file or package.

        Raises
        ------
        UserError
            When it isn't there or can't be used.
        """
        yield Progress(0, 2, "Starting torch")
        import torch  # noqa: F401 - seconds the first time; named apart from the reading

        # with what it needs for packages, longer than listing the library may take
        from napari_unet.core.importers import load_foreign

        yield Progress(1, 2, f"Reading {text}")
        path = Path(text).expanduser()
        if not (names_file(text) or path.is_dir()) or (
            not path.exists() and text in (e.name for e in self.entries())
        ):
            model = load_model(self.entry(text).path)
        elif is_model_file(path):
            model = load_model(path)
        else:
            model = load_foreign(path)
        yield Progress(2, 2, f"Loaded {model.spec.name}")
        return model

    def add(self, model: Model, name: str | None = None) -> Entry:
        """Save a model in the user's folder, under a name that is still free.

        Returns
        -------
        Entry
            Where it went; the name has a number if the wished one was taken.
        """
        wished = file_name(name or model.spec.name)
        taken = {entry.name for entry in self.entries()}
        free, n = wished, 2
        while free in taken:
            free, n = f"{wished}-{n}", n + 1
        path = self.folder / f"{free}{MODEL_SUFFIX}"
        provenance = model.spec.provenance.model_copy(update={"package_version": __version__})
        changes = {"name": free, "provenance": provenance}
        save_model(replace(model, spec=model.spec.model_copy(update=changes)), path)
        return Entry(free, path, read_spec(path), bundled=False)

    def delete(self, name: str) -> None:
        """Delete one of the user's models.

        Raises
        ------
        UserError
            When it is a bundled one, isn't there, or can't be deleted.
        """
        entry = self.entry(name)
        if entry.bundled:
            raise UserError(
                f"{name!r} can't be deleted",
                value="a model that came with the package",
                rule="Only your own models can be deleted.",
                remedy="Leave it: it does no harm.",
            )
        try:
            entry.path.unlink()
        except OSError as error:
            raise UserError(
                f"{name!r} can't be deleted",
                value=error.strerror or error,
                rule="The file must be yours to delete.",
                remedy=f"Delete {entry.path} yourself.",
            ) from error

    def verify(self, name: str) -> None:
        """Check a model's weights against their checksum and its architecture.

        Raises
        ------
        UserError
            When something is wrong.
        """
        load_model(self.entry(name).path)


def bundled_folder() -> Path:
    """Folder of the models that come with the package."""
    return Path(str(files("napari_unet"))) / "data" / "models"


def _spec(path: Path) -> ModelSpec | None:
    try:
        return read_spec(path)
    except UserError:
        return None


def names_file(text: str) -> bool:
    """Whether what names a model is a path, as far as can be seen from it."""
    path = Path(text).expanduser()
    return len(path.parts) > 1 or bool(path.suffix)


def file_name(name: str) -> str:
    """A name that is a file name on every system."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "model"
