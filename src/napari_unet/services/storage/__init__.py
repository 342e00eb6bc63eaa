"""Projects and journals on the disk.

May import `files`, `training` and `core`.
"""
