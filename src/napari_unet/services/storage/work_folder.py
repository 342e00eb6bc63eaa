"""A folder of images to work through, with what was annotated beside them, as files that others read.

Beside the images lies the folder `annotations`: in `objects`, `classes` and `scribbles` the annotations,
each a TIFF named like its image; in `before` the results that they were copied from; in `checked` a CSV
file of regions for each image; in `results` what is not corrected yet; in `layers` how layers looked. So
``napari-unet finetune --images F --labels F/annotations/objects --kind objects`` learns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from napari_unet.core.annotations.annotation import Annotation, Kind
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.services.files.images import find_images
from napari_unet.services.files.names import labels_apart, stem_of
from napari_unet.services.files.pairs import FilePairs
from napari_unet.services.training.annotation_files import read_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ANNOTATIONS = "annotations"
KINDS: tuple[Kind, ...] = get_args(Kind)
State = Literal["to do", "result", "corrected", "checked"]


@dataclass(frozen=True)
class WorkImage:
    """An image of the folder, and where its files are; they need not exist.

    Attributes
    ----------
    path
        The image.
    """

    path: Path

    @property
    def name(self) -> str:
        """Its name without suffixes, which its files have, too."""
        return stem_of(self.path)

    def annotation(self, kind: Kind) -> Path:
        """Return the file of an annotation of this kind."""
        return self._file(kind)

    @property
    def before(self) -> Path:
        """The result that its annotation was copied from."""
        return self._file("before")

    @property
    def result(self) -> Path:
        """A result that is not corrected yet."""
        return self._file("results")

    @property
    def checked(self) -> Path:
        """The regions that are marked as checked."""
        return self._file("checked", ".csv")

    @property
    def layers(self) -> Path:
        """How its layers looked."""
        return self._file("layers", ".json")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of its annotations."""
        return tuple(kind for kind in KINDS if self.annotation(kind).exists())

    @property
    def state(self) -> State:
        """How far it is."""
        if self.kinds:
            return "checked" if self.checked.exists() else "corrected"
        return "result" if self.result.exists() else "to do"

    def _file(self, folder: str, suffix: str = ".tif") -> Path:
        return self.path.parent / ANNOTATIONS / folder / f"{self.name}{suffix}"


@dataclass(frozen=True)
class WorkFolder:
    """The images of a folder.

    Attributes
    ----------
    folder
        The folder.
    images
        Its images, in natural order of their names.
    """

    folder: Path
    images: tuple[WorkImage, ...]

    @classmethod
    def read(cls, folder: Path) -> WorkFolder:
        """List the images of a folder; labels among them are left out.

        Raises
        ------
        UserError
            When there are none, or two have the same name.
        """
        paths = labels_apart(find_images([folder])).images
        images = tuple(map(WorkImage, paths))
        names = [image.name.casefold() for image in images]
        twice = [image.path.name for image in images if names.count(image.name.casefold()) > 1]
        if twice:
            raise UserError(
                f"Images in {folder.name} have the same name",
                value=", ".join(twice[:4]),
                rule="Annotations are named like their image, without the suffix.",
                remedy="Rename one of them, or put them into folders of their own.",
            )
        return cls(folder, images)

    def annotated(self, kind: Kind, but: Sequence[Path] = ()) -> tuple[WorkImage, ...]:
        """Return the images with an annotation of a kind, but for those of some paths."""
        left_out = {path.resolve() for path in but}
        return tuple(
            image
            for image in self.images
            if image.annotation(kind).exists() and image.path.resolve() not in left_out
        )


def read_annotation_files(images: Sequence[WorkImage], kind: Kind) -> Job[tuple[Annotation, ...]]:
    """Read the annotations of images.

    Parameters
    ----------
    images
        Images with an annotation of this kind.
    kind
        What the labels mean.

    Yields
    ------
    Progress
        After each image.

    Raises
    ------
    UserError
        When a file can't be read, or does not fit its image.
    """
    read: list[Annotation] = []
    for i, image in enumerate(images):
        yield Progress(i, len(images), f"Reading {image.name}")
        pairs = FilePairs(((image.path, image.annotation(kind)),))
        before = FilePairs(((image.path, image.before),)) if image.before.exists() else None
        regions = [str(image.checked)] if image.checked.exists() and kind != "scribbles" else []
        read += read_pairs(pairs, kind, regions=regions, before=before)
    return tuple(read)
