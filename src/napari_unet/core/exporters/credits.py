"""Whom to credit: authors, licence and citations as a bioimage.io package states them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from napari_unet.core.model.spec import ModelSpec

LICENCES = (
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "LGPL-3.0-only",
)
"""Identifiers of https://spdx.org/licenses that networks usually have."""

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s,;)]+")


@dataclass(frozen=True)
class Credits:
    """Authors, licence and citations; what is empty is taken from the model.

    Attributes
    ----------
    authors
        Names.
    license
        An identifier of spdx.org, one of `LICENCES`.
    citations
        Texts with a DOI.
    """

    authors: tuple[str, ...] = ()
    license: str = ""
    citations: tuple[str, ...] = ()

    def completed(self, spec: ModelSpec) -> Credits:
        """Return these with what a model states where they say nothing.

        Raises
        ------
        UserError
            When nobody is named as the author, or the licence is none of `LICENCES`.
        """
        stated = spec.license.split(" ")[0]
        found = Credits(
            self.authors or spec.authors,
            self.license or (stated if stated in LICENCES else ""),
            self.citations or spec.citation,
        )
        if not found.authors:
            raise UserError(
                "A package needs the name of an author",
                value=f"{spec.name!r} states none",
                rule="Whoever trained a network is named, so that others can ask.",
                remedy="Give it: --author 'Your Name'.",
            )
        if self.license and self.license not in LICENCES:
            raise UserError(
                "This licence can't be stated in a package",
                value=self.license,
                rule=f"It is one of {', '.join(LICENCES)}.",
                remedy="Choose one of them, or leave it out and tell it in words elsewhere.",
            )
        return found

    def fields(self) -> dict[str, Any]:
        """Return the fields of a package's description."""
        cite = [
            {"text": text[: doi.start()].strip(" ,") or text, "doi": doi[0]}
            for text in self.citations
            if (doi := _DOI.search(text))
        ]
        found: dict[str, Any] = {"authors": [{"name": name} for name in self.authors]}
        if cite:
            found["cite"] = cite
        if self.license:
            found["license"] = self.license
        return found
