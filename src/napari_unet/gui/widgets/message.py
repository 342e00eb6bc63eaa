"""What happened, at the foot of a panel: a few lines of fixed height that scroll in themselves."""

from __future__ import annotations

import html
import platform
import traceback
from importlib import metadata

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication, QShowEvent
from qtpy.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.errors import UserError
from napari_unet.gui.widgets.fields import button

DETAILS_TIP = "The traceback, for a bug report."
COPY_TIP = "Copy the message, the versions and the traceback for a bug report."
COLOURS = {"error": "#ef4444", "caution": "#f59e0b", "done": "#2dd4bf", "note": "#94a3b8"}
PADDING_PX = 12
"""Above and below a text, in napari's style."""
LINES = 4
"""Lines of text that are seen at once: as many as most errors have."""


class Message(QFrame):
    """What happened; the details of an unexpected error open in a window of their own.

    It takes up the same space with and without a text, so that nothing beside it moves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.more, self.copy = button("Details", DETAILS_TIP), button("Copy", COPY_TIP)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._window = QDialog(self)
        self._window.setWindowTitle("Details")
        self._window.resize(720, 400)
        QVBoxLayout(self._window).addWidget(self.details)
        self.more.clicked.connect(self._window.show)
        self.copy.clicked.connect(self._copy)
        self._report = self._kind = self._below = ""
        self._lay_out()
        self.clear()

    def _lay_out(self) -> None:
        # a text may be longer than what is seen of it
        rows = QScrollArea()
        rows.setWidget(self.text)
        rows.setWidgetResizable(True)
        rows.setFrameShape(QFrame.Shape.NoFrame)
        rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._beside = QWidget()
        buttons = QVBoxLayout(self._beside)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(2)
        for widget in (self.more, self.copy):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        box = QHBoxLayout(self)
        box.setContentsMargins(8, 2, 0, 2)
        box.setSpacing(4)
        box.addWidget(rows, stretch=1)
        box.addWidget(self._beside)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make room for the lines, in the font of the window."""
        super().showEvent(event)
        inside = self.text.contentsMargins()
        frame = self.layout().contentsMargins()
        around = sum((m.top() + m.bottom() for m in (inside, frame)), PADDING_PX)
        self.setFixedHeight(LINES * self.text.fontMetrics().lineSpacing() + around)

    def clear(self) -> None:
        """Show no message."""
        self._kind = self._below = ""
        self.setStyleSheet("")
        self.text.clear()
        self._beside.setVisible(False)
        self._window.hide()

    def show_error(self, error: Exception) -> None:
        """Show a `UserError` as it is, any other error in short, with its traceback at hand."""
        if isinstance(error, UserError):
            cause, rest = html.escape(error.cause), html.escape(f"{error.rule} {error.remedy}")
            self._show("error", f"<b>{html.escape(error.problem)}</b>{cause}.<br>{rest}", error)
            return
        words = html.escape(str(error)) or "no message"
        self._show("error", f"<b>Something went wrong</b>: {type(error).__name__}: {words}", error)
        self.details.setPlainText("".join(traceback.format_exception(error)))
        self.more.setVisible(True)

    def show_text(self, kind: str, text: str) -> None:
        """Show plain text as ``"done"``, ``"caution"`` or ``"note"``."""
        self._show(kind, html.escape(text))

    @property
    def kind(self) -> str:
        """What kind of text it shows; empty: none."""
        return self._kind

    def shows(self, text: str) -> bool:
        """Whether it shows a plain text, and nothing else."""
        return self._below == html.escape(text)

    def add(self, words: str) -> None:
        """Put words above what was done, in place of earlier ones; a note or an error stays as it is."""
        if self._kind in ("", "done", "caution"):
            below = self._below
            rich = f"<b>{html.escape(words)}</b><br>{below}" if below else words
            self._show(self._kind or "done", rich)
            self._below = below

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report)

    def _show(self, kind: str, rich: str, error: Exception | None = None) -> None:
        self.setStyleSheet(f"Message {{ border-left: 3px solid {COLOURS[kind]}; }}")
        self._kind = kind
        self._below = rich
        self.text.setText(rich)
        self.more.setVisible(False)
        self._window.hide()
        self._beside.setVisible(error is not None)
        if error is not None:
            trace = "".join(traceback.format_exception(error))
            self._report = f"{_versions()}\n{error}\n\n{trace}"


def _versions() -> str:
    """Return the versions of the software."""
    parts = [
        f"{name} {metadata.version(name)}" for name in ("napari-unet-studio", "napari", "torch")
    ]
    return f"{', '.join(parts)}; Python {platform.python_version()} on {platform.platform()}"
