"""The library of models: those that come with the package, and the user's own."""

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
from napari_unet.core.model.spec import with_diameter
from napari_unet.core.progress import Progress
from napari_unet.services.model_packages import installed_packages
from napari_unet.version import __version__

if TYPE_CHECKING:
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.services.model_packages import ModelPackage

DEFAULT = "nuclei-fluorescence"
"""Name of the model a new user starts with."""


@dataclass(frozen=True)
class Entry:
    """A model of the library.

    Attributes
    ----------
    name
        What ``--model`` takes: the file's name without its suffix.
    path
        The model file.
    spec
        Its description, or None if the file can't be read.
    bundled
        Whether it came with a package, so that it can't be deleted.
    package
        The package, if it is another one than this.
    """

    name: str
    path: Path
    spec: ModelSpec | None
    bundled: bool
    package: ModelPackage | None = None

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self.path.stat().st_size


class Library:
    """A folder of model files beside the bundled ones and those of installed packages.

    Parameters
    ----------
    folder
        The user's models; None: in the user's data directory. Created when first written to.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_data_path("napari-unet-studio", appauthor=False) / "models"

    def entries(self) -> list[Entry]:
        """All models, the user's first; a user's model hides a bundled one of the same name.

        Those of other packages come last, and hide none.
        """
        others = installed_packages()
        folders = [self.folder, bundled_folder(), *(each.folder for each in others)]
        entries: dict[str, Entry] = {}
        for number, folder in enumerate(folders):
            package = others[number - 2] if number > 1 else None
            for path in sorted(folder.glob(f"*{MODEL_SUFFIX}")) if folder.is_dir() else ():
                entry = Entry(path.stem, path, _spec(path), number > 0, package)
                entries.setdefault(path.stem, entry)
        return list(entries.values())

    def entry(self, name: str) -> Entry:
        """Return the model with a name.

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
            f"No model named {name!r}",
            value=f"the library has {', '.join(e.name for e in entries) or 'no models'}",
            rule="A model is given by its name in the library, or by the path of a file or package.",
            remedy="Check the spelling, or give a path.",
        )

    def spec(self, name: str) -> ModelSpec:
        """Return the description of a model, given its name or the path of its file.

        Raises
        ------
        UserError
            When there is none, or its file can't be read.
        """
        path = Path(name).expanduser()
        is_file = looks_like_path(name) and path.is_file()
        if is_file and name not in (entry.name for entry in self.entries()):
            return read_spec(path)
        return read_spec(self.entry(name).path).model_copy(update={"name": name})

    def load(self, text: str) -> Job[Model]:
        """Load a model, given its name or the path of a model file or of a foreign file or package.

        Raises
        ------
        UserError
            When there is none, or it can't be used.
        """
        yield Progress(0, 2, "Starting torch")
        import torch  # noqa: F401 - takes seconds the first time, so that it has a step of its own

        # imported here: it takes longer than listing the library may
        from napari_unet.core.importers import load_foreign

        yield Progress(1, 2, f"Reading {text}")
        path = Path(text).expanduser()
        if not (looks_like_path(text) or path.is_dir()) or (
            not path.exists() and text in (e.name for e in self.entries())
        ):
            model = load_model(self.entry(text).path)
            # the name of its file is its name here, whatever it was called
            model = replace(model, spec=model.spec.model_copy(update={"name": text}))
        elif is_model_file(path):
            model = load_model(path)
        else:
            model = load_foreign(path)
        yield Progress(2, 2, f"Loaded {model.spec.name}")
        return model

    def add(self, model: Model, name: str | None = None) -> Entry:
        """Save a model in the user's folder under an unused name.

        Parameters
        ----------
        model
            The model.
        name
            The name wanted; None: the model's own.

        Returns
        -------
        Entry
            The saved model; a number is added to a name that is in use.
        """
        wanted = safe_file_name(name or model.spec.name)
        in_use = {entry.name for entry in self.entries()}
        free, n = wanted, 2
        while free in in_use:
            free, n = f"{wanted}-{n}", n + 1
        path = self.folder / f"{free}{MODEL_SUFFIX}"
        provenance = model.spec.provenance.model_copy(update={"package_version": __version__})
        changes = {"name": free, "provenance": provenance}
        named = replace(model, spec=model.spec.model_copy(update=changes))
        save_model(named, path, overwrite=False)
        return Entry(free, path, read_spec(path), bundled=False)

    def delete(self, name: str) -> None:
        """Delete one of the user's models.

        Raises
        ------
        UserError
            When there is none, it came with the package, or the system refuses.
        """
        entry = self._own(name, f"{name!r} can't be deleted", "Keep it: it does no harm.")
        try:
            entry.path.unlink()
        except OSError as error:
            raise UserError(
                f"{name!r} can't be deleted",
                value=error.strerror or error,
                rule="You must have the right to delete the file.",
                remedy=f"Delete {entry.path} yourself.",
            ) from error

    def rename(self, name: str, new: str) -> Entry:
        """Give one of the user's models another name.

        Parameters
        ----------
        name
            The model.
        new
            Its new name. What can't stand in the name of a file is replaced.

        Returns
        -------
        Entry
            The model under its new name.

        Raises
        ------
        UserError
            When there is no such model, it came with the package, or another one has the new name.
        """
        entry = self._own(name, f"{name!r} can't be renamed", "Tune it, and name your copy.")
        wanted = safe_file_name(new)
        if wanted in (each.name for each in self.entries()):
            raise UserError(
                f"{name!r} can't be renamed",
                value=f"there is a model {wanted!r}",
                rule="Each model has a name of its own.",
                remedy="Choose another name.",
            )
        model, path = load_model(entry.path), entry.path.with_name(f"{wanted}{MODEL_SUFFIX}")
        named = replace(model, spec=model.spec.model_copy(update={"name": wanted}))
        save_model(named, path, overwrite=False)
        self.delete(name)
        return Entry(wanted, path, named.spec, bundled=False)

    def set_diameter(self, name: str, diameter: float | None) -> None:
        """State the diameter of the objects that one of the user's models has learnt.

        Parameters
        ----------
        name
            The model.
        diameter
            In pixels along X; None: not known.

        Raises
        ------
        UserError
            When there is no such model, it came with the package, or the diameter is not above 0.
        """
        problem = f"The diameter of {name!r} can't be changed"
        entry = self._own(name, problem, "Set the diameter of the objects in your image.")
        save_model(with_diameter(load_model(entry.path), diameter), entry.path)

    def _own(self, name: str, problem: str, remedy: str) -> Entry:
        """Return one of the user's models; raise a `UserError` if it came with the package."""
        entry = self.entry(name)
        if entry.bundled:
            raise UserError(
                problem,
                value=f"it came with {entry.package.name if entry.package else 'the package'}",
                rule="Only your own models can be changed or deleted.",
                remedy=remedy,
            )
        return entry

    def verify(self, name: str) -> None:
        """Check a model's weights against their checksum and its architecture.

        Raises
        ------
        UserError
            When they don't match.
        """
        load_model(self.entry(name).path)


def bundled_folder() -> Path:
    """Return the folder of the models that come with the package."""
    return Path(str(files("napari_unet"))) / "data" / "models"


def _spec(path: Path) -> ModelSpec | None:
    try:
        return read_spec(path).model_copy(update={"name": path.stem})
    except UserError:
        return None


def looks_like_path(text: str) -> bool:
    """Whether a text that stands for a model looks like a path rather than a name."""
    path = Path(text).expanduser()
    return len(path.parts) > 1 or bool(path.suffix)


def safe_file_name(name: str) -> str:
    """Turn a name into one that is valid as a file name on every system."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "model"
