"""The part of *Segment* that asks how good a result is.

May import `widgets`, `session` and `layers`.
"""
