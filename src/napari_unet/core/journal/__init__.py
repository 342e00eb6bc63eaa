"""The format of the journal of paint: records of changed blocks.

May import `annotations` and the ground.
"""
