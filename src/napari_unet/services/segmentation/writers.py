"""One writer for each kind of result: it turns the network's outputs into values of an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from napari_unet.core.inference.outputs import to_labels, to_uint8
from napari_unet.core.inference.uncertainty import uncertainty
from napari_unet.core.objects.numbering import Numbering
from napari_unet.core.progress import Progress
from napari_unet.services.segmentation.options import object_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.inference.outputs import Outputs
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.services.segmentation.prepare import PreparedRun


@dataclass(frozen=True, kw_only=True)
class TileDone(Progress):
    """Labels of one window. With objects, each window comes twice: as classes, later as numbers.

    Attributes
    ----------
    where
        Index into the label array: ``labels[where] = block``.
    labels
        The block.
    """

    where: tuple[slice | int, ...]
    labels: NDArray[Any]


class Writer(Protocol):
    """Writes one kind of result."""

    def write(self, outputs: Outputs) -> Iterator[TileDone]:
        """Write what follows from the outputs of a window, and yield the labels among it."""
        ...


@dataclass(frozen=True, eq=False)
class LabelWriter:
    r"""Writes classes.

    Attributes
    ----------
    out
        Array in the shape of the labels.
    spec
        The model's description.
    threshold
        Probability above which a pixel is foreground.
    """

    out: Any
    spec: ModelSpec
    threshold: float

    def write(self, outputs: Outputs) -> Iterator[TileDone]:
        """Write the classes of a window."""
        block = to_labels(outputs.values, self.spec, self.threshold)
        yield write_labels(self.out, outputs, outputs.frame, outputs.write, block)


class ObjectWriter:
    """Writes numbers of objects, of each frame once all of it is computed.

    Parameters
    ----------
    out
        Array in the shape of the labels.
    run
        What is computed.
    """

    def __init__(self, out: Any, run: PreparedRun) -> None:
        self._out = out
        options = object_options(run.spec, run.options)
        self._numbering = Numbering(run.frames, run.box, run.spec, options)

    def write(self, outputs: Outputs) -> Iterator[TileDone]:
        """Write the objects of the frames that a window completes."""
        for frame, box, block in self._numbering.add(outputs):
            yield write_labels(self._out, outputs, frame, box, block)


@dataclass(frozen=True, eq=False)
class ProbabilityWriter:
    r"""Writes the outputs as they are.

    Attributes
    ----------
    out
        float32 array, (out_channels, \*shape of the labels).
    """

    out: Any

    def write(self, outputs: Outputs) -> Iterator[TileDone]:
        """Write the outputs of a window."""
        write_channels(self.out, outputs.frame, outputs.write, outputs.values)
        yield from ()


@dataclass(frozen=True, eq=False)
class Uint8Writer:
    r"""Writes the outputs as bytes, 255 standing for 1.

    Attributes
    ----------
    out
        uint8 array, (out_channels, \*shape of the labels).
    """

    out: Any

    def write(self, outputs: Outputs) -> Iterator[TileDone]:
        """Write the outputs of a window."""
        write_channels(self.out, outputs.frame, outputs.write, to_uint8(outputs.values))
        yield from ()


@dataclass(frozen=True, eq=False)
class UncertaintyWriter:
    """Writes how unsure the network is of each pixel, from 0 to 1.

    Attributes
    ----------
    out
        float32 array in the shape of the labels.
    spec
        The model's description.
    """

    out: Any
    spec: ModelSpec

    def write(self, outputs: Outputs) -> Iterator[TileDone]:
        """Write the uncertainty of a window."""
        outputs.frame.write(self.out, outputs.write, uncertainty(outputs.values, self.spec))
        yield from ()


def write_labels(
    out: Any, progress: Progress, frame: Frame, box: Box, block: NDArray[Any]
) -> TileDone:
    """Write the labels of a window of a frame, and return the step that announces them."""
    key, order = frame.label_index(box)
    block = block.transpose(order)
    out[key] = block
    return TileDone(
        done=progress.done, total=progress.total, note=progress.note, where=key, labels=block
    )


def write_channels(out: Any, frame: Frame, box: Box, values: NDArray[Any]) -> None:
    """Write values of a window of a frame, channels first."""
    key, order = frame.label_index(box)
    out[(slice(None), *key)] = values.transpose(0, *(axis + 1 for axis in order))
