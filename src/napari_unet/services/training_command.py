"""A training as the command that repeats it, to the same network, and files of what it learnt from."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.checkpoint import SUFFIX
from napari_unet.core.errors import UserError
from napari_unet.core.progress import Progress
from napari_unet.core.rescale import pixel_size_of
from napari_unet.services.annotation_files import HELD, read_annotations, write_regions
from napari_unet.services.command_line import as_line, untold
from napari_unet.services.file_pairs import pair_files
from napari_unet.services.finetune_options import FinetuneOptions
from napari_unet.services.images import SUFFIXES, open_image
from napari_unet.services.save import save_labels
from napari_unet.services.tiff_writer import Stack, write_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_unet.core.annotations import Annotation
    from napari_unet.core.augment_options import AugmentOptions
    from napari_unet.core.axes import Image, Lazy
    from napari_unet.core.model import ModelSpec
    from napari_unet.core.progress import Job

OWN = (
    "learning_rate",
    "batch",
    "patch",
    "use_checkpointing",
    "held_out",
    "seed",
    "device",
    "precision",
    "memory",
    "task",
)
"""Settings with an option of their own, that are a word or a number."""
APART = {"steps", "minutes", "pace", "augment", "channels", "classes", "name", "save_every"}
"""Settings that are told in a way of their own, or change nothing."""


@dataclass(frozen=True)
class Learnt:
    """An image with its paint, as they were learnt.

    Attributes
    ----------
    annotation
        The image and a copy of the paint.
    image, paint
        The files that they may be from.
    """

    annotation: Annotation
    image: Path | None
    paint: Path | None


@dataclass(frozen=True)
class _Files:
    """What the command reads."""

    images: list[Path]
    paints: list[Path]
    regions: Path | None


def training_command(
    learnt: Sequence[Learnt], spec: ModelSpec, model: str, parent: str, folder: Path
) -> Job[str]:
    """Write what was learnt into files, as far as it is in none, and return the line that learns it.

    Parameters
    ----------
    learnt
        Images and paint, in their order.
    spec
        Of the new model; the record in it says how it was trained.
    model
        The new model, by its name in the library or its path; its name is that of the repeated one too.
    parent
        Likewise the model it was tuned from; of no effect if it was trained from scratch.
    folder
        For the files. Made if there is something to write; if there is one already, another is taken.

    Yields
    ------
    Progress
        In units of images.

    Raises
    ------
    UserError
        When a command would not give the same network.
    """
    told = spec.provenance.training
    options = FinetuneOptions.model_validate(told["options"])
    # where these were left open, as they turned out to be
    options = options.model_copy(update={k: told[k] for k in ("device", "precision", "memory")})
    scratch = not spec.provenance.parent
    names = tuple(spec.label_names.values()) if scratch else options.classes or ()
    _check(learnt, told, names, parent if not scratch else "none")
    folder = _free(folder)
    try:
        files = yield from _written(learnt, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    words = ["napari-unet", "finetune"]
    for flag, paths in (("--images", files.images), ("--labels", files.paints)):
        for path in paths:
            words += [flag, str(path)]
    words += ["--kind", learnt[0].annotation.kind]
    words += ["--region", str(files.regions)] if files.regions else []
    if scratch:
        words += ["--dimensions", str(spec.config.ndim)]
    else:
        words += ["--model", parent]
    output = files.images[0].with_name(f"{Path(model).stem if _is_file(model) else model}{SUFFIX}")
    words += ["-o", str(output)]
    if told["pace"]:
        words += ["--pace-of", model]
    else:
        words += ["--steps", str(options.steps), "--minutes", "0"]
    return as_line([*words, *option_words(options, names)])


def option_words(options: FinetuneOptions, classes: Sequence[str] = ()) -> list[str]:
    """Return the words of settings other than how long to train.

    Parameters
    ----------
    options
        The settings.
    classes
        Names of the classes.
    """
    words = ["--classes", ",".join(classes)] if classes else []
    for channel in options.channels or ():
        words += ["--channel", str(channel)]
    for name, value in _changed(options):
        if name in OWN:
            words += [f"--{name.replace('_', '-')}", str(value)]
        elif name not in APART:
            words += ["--option", f"{name}={value}"]
    for name, value in _changed(options.augment):
        if name == "strength":
            words += ["--strength", str(value)]
        else:
            words += ["--option", f"augment.{name}={value}"]
    return words


def _changed(options: FinetuneOptions | AugmentOptions) -> Iterator[tuple[str, Any]]:
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if value != field.default:
            yield name, value


def _check(
    learnt: Sequence[Learnt], told: Mapping[str, Any], names: Sequence[str], parent: str
) -> None:
    """Raise a :class:`UserError` where it is known from the start that no words say it."""
    again = "Train once more from the U-Net it began with, with the paint as it is now."
    if "pace" not in told:
        raise untold("there is no record of its steps", again)
    if told["altered"]:
        raise untold(told["altered"], again)
    if not parent:
        raise untold(
            "the U-Net it began with is in no file", "Keep it in the library first (Load U-Net)."
        )
    if any("," in name or name != name.strip() for name in names):
        raise untold(f"the classes are called {names}", "Leave commas out of their names.")
    annotations = [one.annotation for one in learnt]
    if len({annotation.kind for annotation in annotations}) > 1:
        raise untold("its paint is of several kinds", "Train with one kind after the other.")


def _free(folder: Path) -> Path:
    """Return a folder that isn't there yet: what lines in lab books name is not written over."""
    found, n = folder, 2
    while found.exists():
        found, n = folder.with_name(f"{folder.name}-{n}"), n + 1
    return found


def _written(learnt: Sequence[Learnt], folder: Path) -> Job[_Files]:
    """Find files that hold what was learnt, or write them."""
    regions = _store_regions([one.annotation for one in learnt], folder)
    images: list[Path] = []
    paints: list[Path] = []
    for number, one in enumerate(learnt, 1):
        yield Progress(number - 1, len(learnt), "Looking for the image's file")
        inside = folder / str(number)
        image = one.image
        # each file counts once
        if (
            image is None
            or image in images
            or not (yield from _is_image(image, one.annotation.image))
        ):
            image = yield from _store_image(one.annotation.image, inside)
        yield Progress(number - 1, len(learnt), "Writing the paint")
        paint = one.paint
        if (
            paint is None
            or paint in paints
            or not (yield from _is_paint(image, paint, one.annotation))
        ):
            paint = yield from _store_paint(image, one.annotation, inside)
        images.append(image)
        paints.append(paint)
    if pair_files(images, paints) != list(zip(images, paints, strict=True)):
        raise untold(
            "images and paint would be paired by their names", "Rename the files of paint."
        )
    return _Files(images, paints, regions)


def _is_file(model: str) -> bool:
    return Path(model).suffix == SUFFIX


def _is_image(path: Path, image: Image) -> Job[bool]:
    """Whether a file opens as an image, to the pixel, with its name and its pixel size."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        found = open_image(path)
        spatial = "".join(a for a in "ZYX" if a in image.axes)
        alike = found.axes == image.axes and found.name == image.name
        alike = alike and found.spacing(spatial) == image.spacing(spatial)
        alike = alike and pixel_size_of(found, spatial) == pixel_size_of(image, spatial)
        return alike and (yield from _same(found.data, image.data))
    except UserError:
        return False


def _is_paint(image: Path, path: Path, annotation: Annotation) -> Job[bool]:
    """Whether files are read as the paint that was learnt."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        (found,) = read_annotations([image], [path], annotation.kind)
    except UserError:
        return False
    return (yield from _same(found.paint, annotation.paint, of_one_type=False))


def _same(one: Lazy, other: Lazy, *, of_one_type: bool = True) -> Job[bool]:
    """Whether two arrays hold the same, a plane at a time."""
    if tuple(one.shape) != tuple(other.shape):
        return False
    if of_one_type and np.dtype(one.dtype).newbyteorder("=") != np.dtype(other.dtype).newbyteorder(
        "="
    ):
        return False
    for at in np.ndindex(*one.shape[:-2]):
        place = (*at, slice(None), slice(None))
        if not np.array_equal(np.asarray(one[place]), np.asarray(other[place])):
            return False
        yield Progress(0, 0)
    return True


def _store_regions(annotations: Sequence[Annotation], folder: Path) -> Path | None:
    """Write the regions of all images into a file, or those of each into one in a folder."""
    first = annotations[0]
    if all(annotation.regions == first.regions for annotation in annotations):
        if not first.regions:
            return None
        write_regions(folder / "regions.csv", first.regions, first.image)
        return folder / "regions.csv"
    names = [annotation.image.name for annotation in annotations]
    if len(set(names)) < len(names):
        raise untold(
            "images of one name have regions of their own", "Give each layer a name of its own."
        )
    for annotation in annotations:
        if annotation.regions:
            path = folder / "regions" / f"{annotation.image.name}.csv"
            write_regions(path, annotation.regions, annotation.image)
    return folder / "regions"


def _store_image(image: Image, folder: Path) -> Job[Path]:
    path = folder / f"{image.name}.ome.tif"
    size = int(np.prod(image.data.shape)) * np.dtype(image.data.dtype).itemsize
    if size > HELD:
        raise untold(
            f"{image.name!r} is from no file that holds the same, and too large to be copied",
            "Save the image as a TIFF of its name, open that, and train with it.",
        )
    if path.parent == folder:
        dtype = np.dtype(image.data.dtype).newbyteorder("=")
        write_stack(path, Stack(image.data, image.axes, dtype), image)
        if (yield from _is_image(path, image)):
            return path
    raise untold(
        f"{image.name!r} would not be the same in a file",
        "Give the layer a name that a file can have, and a pixel size in µm, and train again.",
    )


def _store_paint(image: Path, annotation: Annotation, folder: Path) -> Job[Path]:
    path = folder / f"{image.name.split('.')[0]}-paint.tif"
    save_labels(path, annotation.paint, annotation.image)
    if not (yield from _is_paint(image, path, annotation)):
        raise untold("the paint would not be the same in a file", "Paint with labels from 0 on.")
    return path
