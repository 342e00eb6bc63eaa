"""*U-Net Studio*: all panels in one dock, in the order of work, below what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QEvent, QSignalBlocker, QSize, QTimer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_unet.gui.layers.purpose import is_annotation, is_result
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.project.keeper import OPTIONS
from napari_unet.gui.project.row import ProjectRow
from napari_unet.gui.project.work_row import WorkRow
from napari_unet.gui.studio.guide import Situation, Step, next_step, step_beside
from napari_unet.gui.widgets.fields import button, caption, form
from napari_unet.gui.widgets.foot import JobProgress
from napari_unet.gui.widgets.image_form import is_input
from napari_unet.gui.widgets.layer_choice import LayerChoice
from napari_unet.gui.widgets.panel import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari

    from napari_unet.gui.journal.keeper import PaintKeeper
    from napari_unet.gui.project.keeper import ProjectKeeper
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.widgets.message import Message
    from napari_unet.gui.widgets.panel import Panel

TABS = {"Load U-Net": "U-Net"}
"""Titles of tabs that differ from those of their panels."""
FIRST_PAGE = "Segment"
GO_TIP = "Go to the panel where this is done."
DO_TIP = "Go to the panel where this is done, and begin."
LOOK_MS = 100
"""Time between a change in the viewer and an update of the line at the top."""


class StudioPanel(QWidget):
    """Tabs with all panels, each made when first shown.

    Parameters
    ----------
    viewer
        The viewer that they work on.
    session
        What they share.
    keeper
        Journals what is painted.
    project
        Saves and opens the contents of the viewer.
    pages
        The factory of each panel, by its title, in the order of work.
    """

    HEIGHT = 740

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        keeper: PaintKeeper,
        project: ProjectKeeper,
        pages: Mapping[str, Callable[[], Panel]],
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.session = session
        self.keeper = keeper
        self.project = project
        self.project.in_dock = True
        self._makers = pages
        self._pages: dict[str, Panel] = {}
        self._step, self._beside = Step(""), ""
        # never shown: it keeps track of the chosen image
        self._image = LayerChoice(viewer, "", is_input, parent=self, visible=False)
        self.next_button = button("", GO_TIP)
        self.beside_button = button("", GO_TIP)
        # where there is no page to go to: the text of a disabled button would be hard to read
        self.advice_label = QElidingLabel()
        self.project_row = ProjectRow(self.project)
        self.work_row = WorkRow(self.project.work)
        self.project_progress = JobProgress(self.project.jobs)
        self.tabs = QTabWidget()
        self._look_later = QTimer(self)
        self._look_later.setSingleShot(True)
        self._look_later.setInterval(LOOK_MS)
        self._lay_out()
        self._connect()
        self.show_page(FIRST_PAGE)
        self._look()

    def _lay_out(self) -> None:
        self._rows = rows = form()
        rows.setVerticalSpacing(3)
        self._project_place = QStackedWidget()
        self._project_place.addWidget(self.project_row)
        self._project_place.addWidget(self.project_progress)
        self._go_on = QWidget()
        beside = QHBoxLayout(self._go_on)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.next_button)
        beside.addWidget(self.advice_label)
        beside.addWidget(self.beside_button)
        for name, widget in (
            ("Project", self._project_place),
            ("Folder", self.work_row),
            ("Next", self._go_on),
        ):
            rows.addRow(caption(name), widget)
        for title in self._makers:
            self.tabs.addTab(QWidget(), TABS.get(title, title))
        self.tabs.setDocumentMode(True)
        # all of them are seen at the width of the dock
        self.tabs.tabBar().setStyleSheet("QTabBar::tab { padding: 3px 1px; margin: 1px 0; }")
        # it would be white in the dark theme
        self.tabs.tabBar().setDrawBase(False)
        self.setMinimumWidth(WIDTH)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 8, 8, 0)
        box.addLayout(rows)
        box.addWidget(self.tabs, stretch=1)

    def _connect(self) -> None:
        later = self._look_later.start
        self._look_later.timeout.connect(self._look)
        self.tabs.currentChanged.connect(self._fill)
        self.tabs.currentChanged.connect(later)
        self.next_button.clicked.connect(self._go)
        self.beside_button.clicked.connect(lambda: self.show_page(self._beside))
        self._image.changed.connect(lambda: later())
        self.keeper.restoring.changed.connect(later)
        self.viewer.layers.events.inserted.connect(self._change)
        self.viewer.layers.events.removed.connect(self._change)
        self.session.model_changed.connect(later)
        self.session.jobs.started.connect(later)
        self.session.jobs.resumed.connect(later)
        self.session.jobs.ended.connect(later)
        show_row = self._project_place.setCurrentWidget
        self.project.jobs.started.connect(lambda _: show_row(self.project_progress))
        self.project.jobs.ended.connect(lambda _: show_row(self.project_row))
        self.project.reported.connect(lambda *words: self.message.show_text(*words))
        self.project.refused.connect(lambda error: self.message.show_error(error))
        self.project.work.refused.connect(lambda error: self.message.show_error(error))
        self.project.work.changed.connect(self._show_folder)
        self.project_row.folder_wanted.connect(self.work_row.ask)
        self._show_folder()
        self.project.asked_for_options.connect(self._collect_options)
        self.project.opened.connect(self._put_options)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size to dock at."""
        return QSize(WIDTH, self.HEIGHT)

    def event(self, event: QEvent) -> bool:
        """Be deleted with all its panels when the dock around it is closed."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
            self.deleteLater()
        return bool(super().event(event))

    def let_go(self) -> None:
        """Stop listening to the viewer."""
        self.project.in_dock = False
        self._image.let_go()
        self._look_later.stop()
        self.viewer.layers.events.inserted.disconnect(self._change)
        self.viewer.layers.events.removed.disconnect(self._change)
        for page in self._pages.values():
            page.let_go()

    def show_page(self, title: str) -> Panel:
        """Bring a panel to the front, and return it."""
        i = list(self._makers).index(title)
        self.tabs.setCurrentIndex(i)
        self._fill(i)
        return self._pages[title]

    def _fill(self, i: int) -> None:
        """Make the panel of a tab."""
        title = list(self._makers)[i]
        if title in self._pages:
            return
        # only now, so that the dock opens quickly
        self._pages[title] = self._makers[title]()
        self._put_options(title)
        empty = self.tabs.widget(i)
        # meanwhile another tab is in front for a moment
        with QSignalBlocker(self.tabs):
            self.tabs.insertTab(i, self._pages[title], TABS.get(title, title))
            self.tabs.removeTab(i + 1)
            self.tabs.setCurrentIndex(i)
        empty.deleteLater()

    def _collect_options(self) -> None:
        for title, name in OPTIONS.items():
            if title in self._pages:
                page: Any = self._pages[title]
                self.project.options[name] = page.chosen()

    def _put_options(self, only: str = "") -> None:
        """Set the panels that exist, or one of them, to the options of the project."""
        for title, name in OPTIONS.items():
            if title in self._pages and only in ("", title) and name in self.project.options:
                page: Any = self._pages[title]
                page.put(self.project.options[name])

    def _show_folder(self) -> None:
        self._rows.setRowVisible(self.work_row, self.project.work.folder is not None)

    def _change(self, _: object) -> None:
        self._look_later.start()

    @property
    def message(self) -> Message:
        """The message at the foot of the panel in front."""
        return self._pages[self._front].foot.message

    def _look(self) -> None:
        """Show the current situation, and what to do next."""
        now = self._situation()
        step, other = next_step(now), step_beside(now)
        self.beside_button.setVisible(other is not None and other.page != self._front)
        if other is not None:
            self.beside_button.setText(other.words)
        self._beside = "" if other is None else other.page
        self._step = step
        self.next_button.setText(step.words)
        self.next_button.setToolTip(DO_TIP if step.does else GO_TIP)
        self.advice_label.setText(step.words)
        self.next_button.setEnabled(bool(step.page))
        # a button to the page in front would do nothing
        leads = step.page not in ("", self._front)
        self.next_button.setVisible(leads)
        self.advice_label.setVisible(not leads)
        # so that what is below hardly moves when button and text replace each other
        self._go_on.setMinimumHeight(self.next_button.sizeHint().height())

    @property
    def _front(self) -> str:
        """Title of the panel in front."""
        titles = list(self._makers)
        return titles[int(self.tabs.currentIndex())]

    def _situation(self) -> Situation:
        labels = [layer for layer in self.viewer.layers if isinstance(layer, Labels)]
        results = [layer.metadata[RECORD] for layer in filter(is_result, labels)]
        training, model = self.session.training, self.session.model
        painted = any(map(is_annotation, labels))
        return Situation(
            image="" if self._image.layer is None else self._image.layer.name,
            running=self.session.jobs.running,
            learning=self.session.jobs.at_work,
            undecided=training is not None and training.result is not None,
            painted=painted,
            # it reads the journals, which is not needed if something is painted
            restorable=not painted and self.keeper.restoring.waiting(),
            result=bool(results),
            tuned=bool(results)
            and model is not None
            and all(r.get("model") != model.spec.name for r in results),
        )

    def _go(self) -> None:
        if self._step.page:
            page = self.show_page(self._step.page)
            if self._step.does:
                getattr(page, self._step.does).click()
