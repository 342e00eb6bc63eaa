"""Keeps the window responsive while a thread works.

Python runs one thread at a time. An import blocks the other threads while it loads shared libraries
(0.5 s for torch), and the garbage collector while it visits every object (0.2 s with napari and torch
loaded, whichever thread triggers it). On Linux, threads of equal priority share the processor evenly,
so that a network on all cores delays the window.
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

FIRST_IMPORTS = (
    "torch",
    # napari needs these for a labels layer
    "pandas",
    "scipy.linalg",
)
"""What the first segmentation imports."""

_soon: list[str] = []

LIBRARIES = {"linux": "libtorch.so", "darwin": "libtorch.dylib", "win32": "torch.dll"}
SEARCH_BESIDE = 0x1100
"""Windows: look for the libraries that a library needs beside it and in the known folders."""

NICENESS = 5
"""By how much the priority of a job's thread is below the window's, on Linux."""


def import_soon(*names: str) -> None:
    """Have the thread that imports torch import these modules before it."""
    _soon.extend(names)


def import_ahead() -> None:
    """Import what takes long; to be called in a thread other than the main one."""
    if "torch" not in sys.modules:
        _load_libraries()
    with _collector_paused():
        for name in (*_soon, *FIRST_IMPORTS):
            # a broken installation is reported where it is used
            with contextlib.suppress(ImportError, OSError):
                importlib.import_module(name)


def step_back() -> None:
    """Lower the priority of the calling thread, and of those it starts, below the window's."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


@contextlib.contextmanager
def old_objects_left_alone() -> Iterator[None]:
    """Have the garbage collector visit newer objects only, which takes next to no time."""
    _jobs.append(None)
    gc.freeze()
    try:
        yield
    finally:
        # there is one collector for all threads and windows
        _jobs.pop()
        if not _jobs:
            gc.unfreeze()


_jobs: list[None] = []


def _load_libraries() -> None:
    """Load torch's libraries by a foreign call, during which other threads run; it may fail."""
    package = importlib.util.find_spec("torch")
    name = LIBRARIES.get(sys.platform)
    if package is None or package.origin is None or name is None:
        return
    path = str(Path(package.origin).parent / "lib" / name)
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
    """Switch the garbage collector off; then treat what was made as long-lived, without a visit."""
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
    """Wait for torch, which a thread of its own imports, so that the wait can be cancelled."""
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
    """Start to import torch, ahead of the first job that needs it."""
    _torch_thread()


SLICE_PAUSE_MS = 20
"""Time between two slices, in which the window can be drawn."""


def in_slices(owner: QObject, slices: Iterator[None]) -> None:
    """Do the first slice of some work now, and the others with pauses between them.

    Parameters
    ----------
    owner
        When it is deleted, the rest is not done.
    slices
        A generator that yields after each slice.
    """
    timer = QTimer(owner)
    timer.setSingleShot(True)

    def go_on() -> None:
        try:
            next(slices)
        except StopIteration:
            timer.deleteLater()
        else:
            timer.start(SLICE_PAUSE_MS)

    timer.timeout.connect(go_on)
    go_on()
