"""The one kind of error that is shown to the user as it stands."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend, said in four parts.

    Parameters
    ----------
    problem
        What is wrong, without a full stop.
    value
        The value met; shown after "got" when it isn't None.
    rule
        What would have been right.
    remedy
        What to change.
    """

    def __init__(self, problem: str, *, value: object = None, rule: str, remedy: str) -> None:
        super().__init__(problem, value, rule, remedy)
        self.problem = problem
        self.value = value
        self.rule = rule
        self.remedy = remedy

    def __str__(self) -> str:
        met = "" if self.value is None else f" (got {self.value})"
        return f"{self.problem}{met}. {self.rule} {self.remedy}"
