"""The training of a network, from its plan to its result.

May import all of core.
"""
