"""Panels without a window: napari's viewer model, and a session that only notes which panels are opened.

The names are those of `gui_kit`, so that a test says by its imports whether it wants a window.
"""

from __future__ import annotations

import pytest
from gui_kit import library as library
from gui_kit import small_model
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest

from napari_unet.gui.journal.keeper import PaintKeeper
from napari_unet.gui.session.session import Session
from napari_unet.services.storage.journal_files import JournalFiles


class NotingSession(Session):
    """A session whose panels are not opened, but noted.

    Attributes
    ----------
    opened
        Titles of the panels that were asked for, in order.
    """

    def __init__(self, library):
        self.opened = []
        super().__init__(self.opened.append, library)

    def use(self, model, source="small"):
        """Make a model the current one."""
        self.model, self.source = model, source
        self.model_changed.emit(model)


@pytest.fixture
def viewer(qapp):
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def readers():
    """Have files opened by napari's own readers, which a window would find."""
    manager = PluginManager.instance()
    if "napari" not in manager:
        # a window that was there before would put the plugin's commands into its menus again
        with manager.events.plugins_registered.blocked():
            manager.register(PluginManifest.from_distribution("napari"))


@pytest.fixture
def session(qapp, library):
    """A session of its own."""
    made = NotingSession(library)
    yield made
    made.jobs.abandon()


@pytest.fixture
def keeper(viewer, session, tmp_path):
    """What journals the annotations."""
    made = PaintKeeper(viewer, JournalFiles(tmp_path / "journal"), session)
    yield made
    made.close()


class Docks:
    """Lays panels out as in a dock."""

    def __init__(self, qtbot):
        self._qtbot = qtbot
        self._panels = []

    def __call__(self, panel):
        self._qtbot.addWidget(panel)
        panel.resize(panel.sizeHint())
        panel.show()
        self._panels.append(panel)
        return panel

    def close(self, panel):
        """Do as a dock that is closed."""
        self._panels.remove(panel)
        panel.let_go()

    def close_all(self):
        """Do as a window that is closed."""
        for panel in list(self._panels):
            self.close(panel)
            panel.session.jobs.abandon()


@pytest.fixture
def dock(qtbot):
    """Docks a panel; at the end, all let go of their viewer."""
    docks = Docks(qtbot)
    yield docks
    docks.close_all()


@pytest.fixture
def models_panel(viewer, session, dock):
    """The panel Load U-Net."""
    from napari_unet.gui.models.panel import ModelsPanel

    return dock(ModelsPanel(viewer, session))


@pytest.fixture
def segment_panel(viewer, session, keeper, dock):
    """The panel Segment, with the small model loaded."""
    from napari_unet.gui.segment.panel import SegmentPanel

    panel = dock(SegmentPanel(viewer, session, keeper))
    session.use(small_model())
    return panel


@pytest.fixture
def annotate_panel(viewer, session, keeper, dock):
    """The panel Annotate."""
    from napari_unet.gui.annotate.panel import AnnotatePanel

    return dock(AnnotatePanel(viewer, session, keeper))


@pytest.fixture
def batch_panel(viewer, session, dock):
    """The panel Batch, with the small model loaded."""
    from napari_unet.gui.batch.panel import BatchPanel

    panel = dock(BatchPanel(viewer, session))
    session.use(small_model())
    return panel


@pytest.fixture
def finetune_panel(viewer, session, keeper, dock):
    """The panel Fine-tune."""
    from napari_unet.gui.finetune.panel import FinetunePanel

    return dock(FinetunePanel(viewer, session, keeper))
