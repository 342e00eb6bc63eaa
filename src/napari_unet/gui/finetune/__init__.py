"""*Fine-tune*.

May import `segment`, `evaluate`, `journal`, `models`, and what they stand on.
"""
