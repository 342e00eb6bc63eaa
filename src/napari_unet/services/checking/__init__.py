"""Looks for faults in images and labels before anything is learnt from them.

May import all other services but `commands` and `storage`, and `core`.
"""
