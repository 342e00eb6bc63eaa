"""The verdict on a new network in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.evaluation.verdict import CONFIDENCE, MIN_UNITS

if TYPE_CHECKING:
    from napari_unet.core.evaluation.verdict import Comparison, Outcome, Verdict

OUTCOMES: dict[Outcome, str] = {
    "better": "Better than before",
    "worse": "Worse than before",
    "can't tell": "Can't tell whether it is better than before",
}


def verdict_lines(verdict: Verdict) -> list[str]:
    """Return a line on what was annotated, and one on what the network knew before, as far as known."""
    lines = []
    if verdict.annotated is not None:
        lines.append(_on_annotated(verdict.annotated))
    if verdict.known is not None:
        lines.append(_on_known(verdict.known))
    return lines


def _on_annotated(compared: Comparison) -> str:
    done = "corrected" if compared.corrected else "annotated"
    start = f"{OUTCOMES[compared.outcome]} on what you {done}"
    parts = [f"{start}: {_counts(compared)}", _means(compared), _interval(compared)]
    if compared.outcome == "can't tell":
        parts.append(_advice(compared))
    return " ".join(filter(None, parts))


def _on_known(compared: Comparison) -> str:
    start = {"better": "Better than before", "worse": "Worse than before"}
    outcome = start.get(compared.outcome, "No clear difference")
    return (
        f"{outcome} on what the network knew before: {_counts(compared)} {_means(compared)}".strip()
    )


def _counts(compared: Comparison) -> str:
    texts = []
    if compared.n:
        what = _number(compared.n, f"held-out {'corrected ' * compared.corrected}{compared.what}")
        texts.append(
            f"of {what}, {compared.right_after} {_are(compared.right_after)} right, "
            f"before {compared.right_before}."
        )
    if compared.n_unchanged:
        what = _number(compared.n_unchanged, compared.what)
        lost = f"{compared.lost} {_are(compared.lost)}" if compared.lost else "none is"
        texts.append(f"{'Of' if texts else 'of'} {what} that you left unchanged, {lost} lost.")
    return " ".join(texts)


def _means(compared: Comparison) -> str:
    if not compared.n:
        return ""
    measure = "Correct share of each stroke" if compared.what == "stroke" else "Mean IoU"
    measure = "Mean object IoU" if compared.what == "object" else measure
    return f"{measure} {compared.after:.3f}, was {compared.before:.3f}."


def _interval(compared: Comparison) -> str:
    """Return the interval of the gain, for what can be decided by it."""
    if compared.n < MIN_UNITS:
        return ""
    ends = f"{compared.low:+.2f} and {compared.high:+.2f}"
    return f"With {CONFIDENCE:.0%} certainty, the gain over all of it is between {ends}."


def _advice(compared: Comparison) -> str:
    few = "corrected" if compared.corrected else "annotated"
    plural = f"{compared.what}s"
    if compared.n < MIN_UNITS:
        return f"One needs at least {MIN_UNITS} held-out {few} {plural}: {_verb(few)} more of them."
    if compared.low <= 0 <= compared.high and compared.n < _ENOUGH:
        return f"This can be chance: {_verb(few)} more {plural} to find out."
    return "The difference is too small to matter, or chance."


_ENOUGH = 20


def _verb(done: str) -> str:
    return "correct" if done == "corrected" else "annotate"


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
