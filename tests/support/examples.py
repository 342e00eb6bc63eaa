"""How many examples property tests take: a quarter on each change, all of them at night.

HYPOTHESIS_PROFILE=full asks for all, drawn anew each time; without it the draw is always the same.
"""

from __future__ import annotations

import os

from hypothesis import settings

FULL = os.environ.get("HYPOTHESIS_PROFILE", "ci") == "full"
EXAMPLES = 100
"""Of a test that does not say how many."""
FEWEST = 5


def load_profile():
    """Make the profile the default of all tests."""
    # how long an example takes says more of what else the machine does
    settings.register_profile("ci", max_examples=share(EXAMPLES), deadline=None, derandomize=True)
    settings.register_profile("full", max_examples=EXAMPLES, deadline=None)
    settings.load_profile("full" if FULL else "ci")


def examples(most, **others):
    """Settings of a test that takes this many examples at night."""
    return settings(max_examples=share(most), **others)


def share(most):
    return most if FULL else max(most // 4, FEWEST)
