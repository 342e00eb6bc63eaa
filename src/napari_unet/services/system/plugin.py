"""Whether napari finds this plugin, and which other packages claim its names."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_unet.services.system.finding import Finding
from napari_unet.services.system.requirements import (
    DISTRIBUTION,
    reinstall_command,
    uninstall_command,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npe2 import PluginManifest

PACKAGE = "napari_unet"
_DISABLED = """
import json
from napari.settings import get_settings
print(json.dumps(sorted(get_settings().plugins.disabled_plugins)))
"""


def examine_plugin() -> list[Finding]:
    """Ask npe2, napari's plugin engine, for the plugin and for others that claim its names."""
    title = "Plugin"
    try:
        manifest, others, error = _manifests()
    except ImportError:
        return []  # reported among the requirements
    if manifest is None:
        reason = f": {error}" if error else ""
        detail = f"napari doesn't find the plugin{reason}"
        return [Finding(title, False, detail, f"Run: {reinstall_command()}")]
    if DISTRIBUTION in disabled_plugins():
        advice = "In napari, tick it under Plugins > Install/Uninstall Plugins."
        return [Finding(title, False, "it is disabled in napari's settings", advice)]
    offered = manifest.contributions
    detail = f"napari finds {manifest.display_name} with {len(offered.widgets or [])} widgets"
    return [Finding(title, True, detail), *_claims(manifest, others)]


def examine_import_name() -> list[Finding]:
    """Check for other packages that bring a package called ``napari_unet``."""
    owners = importlib.metadata.packages_distributions().get(PACKAGE, [])
    others = sorted({owner for owner in owners if owner != DISTRIBUTION})
    if not others:
        return []
    names = " ".join(others)
    detail = (
        f"{names} is installed, too, and brings another package called {PACKAGE}: "
        "the two overwrite each other's files"
    )
    advice = (
        f"Run: {uninstall_command(*others)}; then: {reinstall_command()}. "
        "Or give each an environment of its own."
    )
    return [Finding("Import name", False, detail, advice)]


def disabled_plugins(seconds: float = 60) -> list[str]:
    """Plugins that the user has disabled in napari; empty if napari gives no answer.

    napari is asked in a process of its own, because services must not import it.
    """
    command = [sys.executable, "-c", _DISABLED]
    try:
        end = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
        return list(json.loads(end.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return []


def _manifests() -> tuple[PluginManifest | None, list[PluginManifest], str]:
    """Manifest of this plugin, those of the others, and why ours can't be read."""
    from npe2 import PluginManifest

    ours, others, error = None, [], ""
    with _silent("npe2"):
        manifests = list(PluginManifest.discover())
    for manifest, distribution, problem in manifests:
        if distribution is not None and distribution.metadata["Name"] == DISTRIBUTION:
            ours = ours or manifest
            error = str(problem or "")
        elif manifest is not None:
            others.append(manifest)
    return ours, others, error


def _claims(ours: PluginManifest, others: list[PluginManifest]) -> list[Finding]:
    """Findings about plugins that carry our display name or have commands with our ids."""
    commands = {command.id for command in ours.contributions.commands or []}
    findings = []
    for other in others:
        ids = sorted(commands & {command.id for command in other.contributions.commands or []})
        same_title = other.display_name == ours.display_name
        if not ids and not same_title:
            continue
        what = f"the command {ids[0]}" if ids else f"the name {ours.display_name}"
        detail = f"the plugin {other.name} also claims {what}"
        advice = f"If you don't need it, run: {uninstall_command(other.name)}"
        findings.append(Finding("Plugin names", False if ids else None, detail, advice))
    return findings


@contextmanager
def _silent(logger_name: str) -> Iterator[None]:
    """Keep a logger quiet about the broken plugins of others."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
