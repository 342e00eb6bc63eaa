"""*Batch*.

May import `models` and what it stands on.
"""
