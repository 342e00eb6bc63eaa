"""Where label images go, and how complete ones are moved there."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_unet.core.errors import UserError
from napari_unet.services.omezarr.metadata import ome_attributes
from napari_unet.services.omezarr.store import Place

Version = Literal["0.4", "0.5"]


@dataclass(frozen=True)
class LabelTarget:
    """Where a label image goes.

    Attributes
    ----------
    container
        The folder.
    name
        Among the labels of the image in the container; empty: it is the image of the container.
    version
        Of OME-Zarr.
    """

    container: Path
    name: str
    version: Version

    @property
    def folder(self) -> Path:
        """The folder of the label image."""
        return self.container / "labels" / self.name if self.name else self.container


def label_target(path: str | Path, version: Version | None = None, name: str = "") -> LabelTarget:
    """Return where labels go that are to be written to a path.

    Parameters
    ----------
    path
        Of a new container, of an image's container, or of labels in one: ``image.zarr/labels/nuclei``.
    version
        Of a new container; None: 0.5. An image's container keeps its own.
    name
        What labels are called that go into an image's container whose path is given.

    Raises
    ------
    UserError
        When labels can't be written there.
    """
    place = Place.of(path)
    if place.remote or place.zipped:
        raise UserError(
            f"Labels can't be written to {place.container}",
            value="a remote container" if place.remote else "a ZIP file",
            rule="They are written into a folder of this computer.",
            remedy=f"Choose another output, such as {place.name}_labels.zarr.",
        )
    parts = place.inside.split("/") if place.inside else []
    container = Path(place.container)
    if "labels" in parts:
        at = parts.index("labels")
        if len(parts) != at + 2:
            raise UserError(
                f"Labels can't be written to {place}",
                value=place.inside,
                rule="Labels of an image are at labels/NAME in its container.",
                remedy=f"Name it {place.container}/labels/NAME.",
            )
        return _among_others(container.joinpath(*parts[:at]), parts[-1], version)
    folder = container.joinpath(*parts)
    holds = ome_attributes(_attributes(folder))
    # labels that have a container of their own are no image that could have labels
    is_image = "multiscales" in holds and "image-label" not in holds
    return (
        _among_others(folder, name, version)
        if name and is_image
        else LabelTarget(folder, "", version or "0.5")
    )


def _among_others(folder: Path, name: str, version: Version | None) -> LabelTarget:
    if not folder.is_dir():
        raise UserError(
            f"There is no image at {folder}",
            value="labels/ in a container that does not exist",
            rule="Labels go into the container of an image, or into one of their own.",
            remedy="Check the spelling, or name a new container without “labels”.",
        )
    stored: Version = "0.5" if (folder / "zarr.json").is_file() else "0.4"
    if version not in (None, stored):
        raise UserError(
            f"OME-Zarr {version} can't be written into {folder.name}",
            value=f"it is OME-Zarr {stored}",
            rule="A container is of one version.",
            remedy="Leave the version out, or choose a new container.",
        )
    return LabelTarget(folder, name, stored)


def publish(folder: Path, target: LabelTarget, *, overwrite: bool) -> None:
    """Move a complete label image to where it belongs, and list it there.

    Raises
    ------
    UserError
        When there is one already that may not be replaced.
    """
    check_free_target(target, overwrite)
    final = target.folder
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    folder.rename(final)
    shutil.rmtree(old, ignore_errors=True)
    if target.name:
        _list(target)


def check_free_target(target: LabelTarget, overwrite: bool) -> None:
    """Raise a `UserError` when there are labels already that may not be replaced."""
    folder = target.folder
    if not folder.exists():
        return
    holds = ome_attributes(_attributes(folder))
    ours = "image-label" in holds
    if overwrite and ours:
        return
    allow = ", or allow it by `overwrite=True`" if ours else "; an image's labels go to labels/NAME"
    raise UserError(
        f"{folder} already exists",
        value="overwriting is off" if ours else "it holds no labels, but something else",
        rule="Labels are overwritten only on request, images never.",
        remedy=f"Choose another name{allow}.",
    )


def _list(target: LabelTarget) -> None:
    """Name the label image in the group of labels."""
    import zarr

    form = 2 if target.version == "0.4" else 3
    group = zarr.open_group(str(target.container / "labels"), mode="a", zarr_format=form)
    attributes = dict(group.attrs)
    names = list(ome_attributes(attributes).get("labels", []))
    if target.name in names:
        return
    names.append(target.name)
    if form == 2:
        group.attrs["labels"] = names
    else:
        group.attrs["ome"] = {**attributes.get("ome", {}), "version": "0.5", "labels": names}


def _attributes(folder: Path) -> dict[str, Any]:
    import zarr

    if not folder.is_dir():
        return {}
    try:
        return dict(zarr.open(str(folder), mode="r").attrs)
    except Exception:  # noqa: BLE001 - no container of zarr at all
        return {}
