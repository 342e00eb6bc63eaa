"""Tools for objects: clicks, measures, thresholds.

May import `widgets`, `session` and `layers`.
"""
