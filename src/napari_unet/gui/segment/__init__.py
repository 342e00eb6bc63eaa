"""*Segment*.

May import `evaluate`, `journal`, `models`, `objects`, and what they stand on.
"""
