"""One line for each step of the set-up; what the commands print goes to a log file."""

from __future__ import annotations

import shlex
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LAST_LINES = 12
"""How much of the log is shown when a step fails."""


class SetupError(Exception):
    """What stopped the set-up and what to do about it."""


class Steps:
    """Runs the commands of the set-up.

    Parameters
    ----------
    log
        File that takes the output of the commands; an older one is replaced.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._begun = False

    def run(self, title: str, command: list[str], advice: str) -> None:
        """Run a command that must succeed.

        Parameters
        ----------
        title
            What the step does, for the line on the screen.
        command
            Program and arguments.
        advice
            What to do if it fails.

        Raises
        ------
        SetupError
            If the command fails; quotes the end of its output and names the log file.
        """
        if not self.attempt(title, command):
            lines = self.log.read_text("utf-8", errors="replace").splitlines()[-LAST_LINES:]
            end = "\n".join(f"    {line}" for line in lines)
            raise SetupError(
                f"This step failed: {title}.\n\n{end}\n\n{advice}\nFull output: {self.log}"
            )

    def attempt(self, title: str, command: list[str]) -> bool:
        """Run a command that may fail; returns whether it succeeded."""
        print(f"  {title} ... ", end="", flush=True)
        start = time.monotonic()
        with self._open_log() as file:
            file.write(f"\n$ {shlex.join(command)}\n".encode())
            file.flush()
            status = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
        seconds = f"{time.monotonic() - start:.0f} s"
        print(seconds if status == 0 else f"failed after {seconds}", flush=True)
        return status == 0

    def _open_log(self):
        try:
            file = self.log.open("ab" if self._begun else "wb")
        except OSError as error:
            raise SetupError(
                f"{self.log} can't be written: {error.strerror}. Copy this folder to a place where "
                "you may write, then run the same command there."
            ) from error
        self._begun = True
        return file


def may_use(program: list[str]) -> bool:
    """Whether a command can be run and succeeds; nothing it prints is shown."""
    silent = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    try:
        return subprocess.call(program, **silent) == 0
    except OSError:
        return False
