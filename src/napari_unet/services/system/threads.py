"""How the threads of PyTorch wait for each other."""

from __future__ import annotations

import os


def wait_without_spinning() -> None:
    """Have PyTorch's threads sleep while they wait, for programs to call before PyTorch is imported.

    By default they spin. Where another program, or the viewer's own window, wants a core, spinning
    uses up their turns, and training takes ten times as long. A value that the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
