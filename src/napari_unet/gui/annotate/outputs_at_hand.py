"""The outputs of the current network for an image: those that are kept, or a run that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.services.segmentation.cached_outputs import CachedOutputs, cache_outputs

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.progress import Job
    from napari_unet.gui.session.session import Session


class OutputsAtHand:
    """Knows whether the network has to run before something can be derived from its outputs.

    Parameters
    ----------
    session
        Its U-Net is run, unless its outputs for the image are kept there.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def kept(self, image: Image) -> CachedOutputs | None:
        """Return the outputs of the current network for this image, if they are kept."""
        kept, model = self._session.cached_outputs, self._session.model
        if kept is None or model is None or kept.spec is not model.spec:
            return None
        same = kept.image.data is image.data and kept.image.axes == image.axes
        return kept if same else None

    def job(self, image: Image, model: Model) -> Job[CachedOutputs]:
        """Return the job that gives the outputs, at once if they are kept.

        Raises
        ------
        UserError
            When image and network don't go together, or the outputs don't fit into memory.
        """
        kept = self.kept(image)
        if kept is not None:
            return _already_known(kept)
        options = self._session.options
        if image.n_channels == model.spec.config.in_channels:
            # all channels are used: those that were chosen are of another image
            options = options.model_copy(update={"channels": None})
        return cache_outputs(image, model, options)

    def keep(self, image: Image, outputs: CachedOutputs) -> None:
        """Keep outputs, unless newer ones have come in the meantime."""
        if self.kept(image) is None:
            self._session.cached_outputs = outputs


def _already_known(outputs: CachedOutputs) -> Job[CachedOutputs]:
    yield from ()
    return outputs
