"""*Annotate*.

May import `journal`, `models`, `objects`, and what they stand on.
"""
