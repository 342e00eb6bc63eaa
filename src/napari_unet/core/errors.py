"""The one kind of error whose text is written for the user."""

from __future__ import annotations


class UserError(Exception):
    """An error the user can fix, described in four parts.

    As text it reads ``problem: value. rule remedy``, for example "The tile is too small for this
    network: 20 pixels. A tile must hold the context of every pixel: at least 96 pixels here. Leave the
    tile on 'auto', or choose a larger one."

    Parameters
    ----------
    problem
        What is wrong: a clause that starts with a capital letter, without a full stop.
    value
        The value met, or the cause: a word, phrase or clause that reads well after a colon. None where
        the problem names it already.
    rule
        What would have been right: whole sentences.
    remedy
        What to change: whole sentences.

    Attributes
    ----------
    problem, value, rule, remedy
        As given.
    """

    def __init__(self, problem: str, *, value: object = None, rule: str, remedy: str) -> None:
        super().__init__(problem, value, rule, remedy)
        self.problem = problem
        self.value = value
        self.rule = rule
        self.remedy = remedy

    @property
    def cause(self) -> str:
        """The value as it continues the problem, colon included; empty without a value."""
        return "" if self.value is None else f": {str(self.value).strip().removesuffix('.')}"

    def __str__(self) -> str:
        return f"{self.problem}{self.cause}. {self.rule} {self.remedy}"
