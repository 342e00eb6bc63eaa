"""What would make the window stand still while a thread works, and how it is kept from it.

Python runs one thread at a time. An import holds the others up while it loads shared libraries (0.5 s
for torch), and the garbage collector while it goes through every object there is (0.2 s with napari
and torch loaded, whichever thread sets it off). On Linux, threads of equal priority share the
processor evenly, so that a network on all cores makes the window late.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib
import importlib.util
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

AHEAD = (
    "torch",
    # what napari needs for a labels layer
    "pandas",
    "scipy.linalg",
)
"""What the first segmentation imports."""

LIBRARIES = {"linux": "libtorch.so", "darwin": "libtorch.dylib", "win32": "torch.dll"}
SEARCH_BESIDE = 0x1100
"""Windows: look for a library's own libraries beside it and in the folders made known."""

NICENESS = 5
"""By how much a job's thread comes after the window's on Linux, where each has its priority."""


def import_ahead() -> None:
    """Import what takes long, for a thread other than the main one."""
    if "torch" not in sys.modules:
        _load_libraries()
    with _collector_paused():
        for name in AHEAD:
            # a broken installation reports itself where it is used
            with contextlib.suppress(ImportError, OSError):
                importlib.import_module(name)


def step_back() -> None:
    """Let the calling thread, and those it starts, come after the window's."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


@contextlib.contextmanager
def old_objects_left_alone() -> Iterator[None]:
    """Have the garbage collector look at newer objects only, which takes it no time."""
    _jobs.append(None)
    gc.freeze()
    try:
        yield
    finally:
        # one collector serves all threads and windows
        _jobs.pop()
        if not _jobs:
            gc.unfreeze()


_jobs: list[None] = []


def _load_libraries() -> None:
    """Load torch's libraries by a foreign call, which lets other threads run; failing is no harm."""
    found = importlib.util.find_spec("torch")
    name = LIBRARIES.get(sys.platform)
    if found is None or found.origin is None or name is None:
        return
    path = str(Path(found.origin).parent / "lib" / name)
    if sys.platform == "win32":
        kernel: Any = ctypes.WinDLL("kernel32.dll")
        kernel.LoadLibraryExW.restype = ctypes.c_void_p
        kernel.LoadLibraryExW(path, None, SEARCH_BESIDE)
        return
    system: Any = ctypes.CDLL(None)
    system.dlopen.restype = ctypes.c_void_p
    system.dlopen(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Switch the garbage collector off; at the end, count what was made as long-lived unseen."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if running:
            gc.enable()


def torch_ready() -> Job[None]:
    """Wait for torch; a thread of its own imports it, so that the wait can be cancelled."""
    thread = _torch_thread()
    while thread.is_alive():
        yield Progress(0, 0, "Starting PyTorch")
        thread.join(0.05)


@functools.cache
def _torch_thread() -> threading.Thread:
    thread = threading.Thread(target=import_ahead, name="import torch")
    thread.start()
    return thread


def warm_up() -> None:
    """Begin to import torch, ahead of the first job that needs it."""
    _torch_thread()


PAUSE_MS = 20
"""Time between two pieces, in which the window can be drawn."""


def in_slices(owner: QObject, pieces: Iterator[None]) -> None:
    """Do the first piece now, and the others one after another with a pause between them.

    Parameters
    ----------
    owner
        When it goes, what is left is not done.
    pieces
        A generator that yields after each piece.
    """
    timer = QTimer(owner)
    timer.setSingleShot(True)

    def go_on() -> None:
        try:
            next(pieces)
        except StopIteration:
            timer.deleteLater()
        else:
            timer.start(PAUSE_MS)

    timer.timeout.connect(go_on)
    go_on()
