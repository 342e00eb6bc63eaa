"""Widgets for scripts in napari: load a U-Net, segment, fine-tune.

Each is a `magicgui` factory. The settings of a widget can be set by hand or from the console; calling
the widget, or pressing its button, runs it and returns the result. The window stays responsive, and
napari's activity dock shows the progress. None of them is in napari's menus::

    from napari_unet.gui.magic import fine_tune, load_unet, segment

    widget = segment()
    viewer.window.add_dock_widget(widget, name="Segment")
    widget.threshold.value = 0.4
    labels, *others = widget()

The settings are the fields of `SegmentOptions` and `FinetuneOptions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari
import napari.layers

from napari_unet.core.errors import UserError
from napari_unet.gui.finetune.form.request import Request
from napari_unet.gui.finetune.form.training import REST
from napari_unet.gui.finetune.run import TrainingRun
from napari_unet.gui.layers.annotation_layers import class_names
from napari_unet.gui.layers.images import identity, image_of, possible_axes
from napari_unet.gui.layers.layer_pair import pair_layers
from napari_unet.gui.layers.pairing import check_pairs
from napari_unet.gui.layers.purpose import kind_of
from napari_unet.gui.plugin import parts_of
from napari_unet.gui.segment.run import SegmentRun
from napari_unet.gui.session.waiting import run_and_wait
from napari_unet.gui.widgets.option_factory import option_factory
from napari_unet.gui.widgets.segment_form import ADVANCED, OBJECTS
from napari_unet.gui.widgets.texts import Text
from napari_unet.services.library import DEFAULT
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.gui.session.session import Session

AXES = Text, "as the layer says", "What the image's dimensions are: such as TZCYX."
MODEL = Text, "the current one", "A name in your library, or the path of a model file."


@option_factory("Load", model=(Text, DEFAULT, MODEL[2]))
def load_unet(viewer: napari.Viewer, model: str = DEFAULT) -> Model:
    """Load a U-Net, and make it the current one of the viewer's panels.

    Parameters
    ----------
    viewer
        The viewer; napari sets it.
    model
        A name in the library, or a path.

    Returns
    -------
    Model
        The U-Net.

    Raises
    ------
    UserError
        When there is no such model, or another job is at work.
    """
    session = parts_of(_here(viewer)).session
    return _loaded(session, model or DEFAULT)


@option_factory(
    "Segment",
    SegmentOptions,
    ("channels", "diameter", *OBJECTS, "probabilities", *ADVANCED),
    model=MODEL,
    axes=AXES,
)
def segment(
    viewer: napari.Viewer,
    image: napari.layers.Image,
    model: str = "",
    axes: str = "",
    **options: Any,
) -> list[napari.layers.Layer]:
    """Segment an image layer.

    Parameters
    ----------
    viewer
        The viewer; napari sets it.
    image
        The layer.
    model
        The U-Net, as for `load_unet`; empty: the current one.
    axes
        A letter for each dimension of the layer; empty: as the layer says.
    **options
        Fields of `SegmentOptions`.

    Returns
    -------
    list of layer
        The labels, then other outputs.

    Raises
    ------
    UserError
        When something is missing or does not fit, or another job is at work.
    """
    viewer = _here(viewer)
    session = parts_of(viewer).session
    pixels = _image_of(image, axes)
    network = _loaded(session, model)
    before = set(viewer.layers)
    run = SegmentRun(viewer, image, pixels, network, SegmentOptions(**options))
    run_and_wait(session.jobs, lambda: run.start(session.jobs))
    return [run.layer, *(x for x in viewer.layers if x not in before and x != run.layer)]


@option_factory("Fine-tune", FinetuneOptions, REST, model=MODEL, axes=AXES)
def fine_tune(
    viewer: napari.Viewer,
    image: napari.layers.Image,
    annotation: napari.layers.Labels,
    model: str = "",
    axes: str = "",
    keep: bool = True,
    **options: Any,
) -> Model:
    """Fine-tune a U-Net on an annotated image layer.

    Parameters
    ----------
    viewer
        The viewer; napari sets it.
    image, annotation
        The layers. What the labels mean is the kind that the annotation layer was made with.
    model
        The U-Net to start from, as for `load_unet`; empty: the current one.
    axes
        A letter for each dimension of the image; empty: as the layer says.
    keep
        Whether to add the new U-Net to the library and use it from now on.
    **options
        Fields of `FinetuneOptions`.

    Returns
    -------
    Model
        The new U-Net.

    Raises
    ------
    UserError
        When something is missing or does not fit, or another job is at work.
    """
    session = parts_of(_here(viewer)).session
    pixels = _image_of(image, axes)
    network = _loaded(session, model)
    pair = pair_layers(image, pixels, annotation, kind_of(annotation), None)
    check_pairs([pair])
    request = Request(
        pairs=(pair,),
        paints=(pair.paint(),),
        start=network,
        options=FinetuneOptions(**options),
        names=class_names(annotation),
        source=session.source,
    )
    known = [session.source, identity(image)]
    state = session.training_files.path(network.spec.name, image.name, known)
    run = TrainingRun(session.jobs, request, "Training", state)
    try:
        run_and_wait(session.jobs, run.start)
        assert run.result is not None
        new: Model = run.result.model
    finally:
        run.forget()
    if keep:
        run_and_wait(session.jobs, lambda: session.keep_new(new, lambda _: None, current=True))
    return new


def _here(viewer: napari.Viewer | None) -> napari.Viewer:
    """Return the viewer that a widget is docked in, or the one in front."""
    viewer = viewer or napari.current_viewer()
    if viewer is None:
        raise UserError(
            "There is no viewer",
            rule="The widgets work on the layers of a napari viewer.",
            remedy="Add the widget to one: viewer.window.add_dock_widget(widget).",
        )
    return viewer


def _image_of(layer: napari.layers.Image | None, axes: str) -> Image:
    if layer is None:
        raise UserError(
            "There is no image",
            rule="A U-Net looks at an image layer.",
            remedy="Open an image, or the sample under File ▸ Open Sample.",
        )
    return image_of(layer, axes.strip().upper() or possible_axes(layer)[0])


def _loaded(session: Session, model: str) -> Model:
    """Return a model, loaded unless it is the current one."""
    wanted = model or session.source or DEFAULT
    if session.model is None or (model and model != session.source):
        run_and_wait(session.jobs, lambda: session.load(wanted))
    assert session.model is not None
    return session.model
