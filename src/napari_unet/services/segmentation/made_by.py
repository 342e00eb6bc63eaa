"""What made a segmentation, to be written into its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.services.files.provenance import MadeBy, new_record

if TYPE_CHECKING:
    from napari_unet.core.model.spec import Model
    from napari_unet.services.segmentation.options import SegmentOptions


def model_record(model: Model, source: str) -> dict[str, str]:
    """Return name, origin and SHA-256 of a model.

    Parameters
    ----------
    model
        The model.
    source
        What it was loaded from: a name in the library or a path; empty if it is not saved.
    """
    from napari_unet.core.model.file import weights_hash

    path = Path(source).expanduser()
    return {
        "name": model.spec.name,
        "source": str(path.absolute()) if source and path.exists() else source,
        "sha256": weights_hash(model.network.state_dict()),
    }


def segmentation_record(
    made: str,
    image: Path,
    model: dict[str, str],
    options: SegmentOptions,
    used: dict[str, Any],
    **reading: Any,
) -> MadeBy:
    """Return the record of a result of a segmentation.

    Parameters
    ----------
    made
        ``"labels"``, ``"probabilities"`` or ``"uncertainty"``.
    image
        The image file.
    model
        From `model_record`.
    options
        How it was segmented.
    used
        `Segmentation.record`, of which device, engine, precision, channels and diameter are kept.
    reading
        How the file was read, such as its axes, where that was not left to the file.
    """
    exact: dict[str, Any] = {
        name: used[name] for name in ("device", "engine", "precision") if name in used
    }
    changed = options.model_copy(update={**exact, "probabilities": False, "uncertainty": False})
    return new_record(
        "segment",
        made,
        {"image": image},
        model=model,
        options=changed.model_dump(mode="json", exclude_defaults=True),
        channels=used["channels"],
        # what was estimated; texts and times are no part of a record that repeats to the byte
        diameter={name: used["diameter"][name] for name in ("pixels", "source", "factors")},
        **{name: value for name, value in reading.items() if value is not None},
    )


def comparison_record(
    image: Path,
    before: tuple[Model, str],
    now: tuple[Model, str],
    options: SegmentOptions,
    axes: str | None,
) -> MadeBy:
    """Return the record of a picture of where two models differ.

    Parameters
    ----------
    image
        The image file.
    before, now
        The models, each with what it was loaded from.
    options, axes
        How it was segmented and read.
    """
    return new_record(
        "compare",
        "difference",
        {"image": image},
        before=model_record(*before),
        model=model_record(*now),
        options=options.model_dump(mode="json", exclude_defaults=True),
        **({} if axes is None else {"axes": axes}),
    )
