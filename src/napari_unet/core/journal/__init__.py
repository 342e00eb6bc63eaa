"""The file format of the journal of annotations: records of changed pixels.

May import `annotations` and the ground.
"""
