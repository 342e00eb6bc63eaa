"""The diameter of the objects in labels, and in an image that is still to be segmented."""

from __future__ import annotations
