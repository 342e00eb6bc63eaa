"""The use cases, as generators of progress that window and command line share.

May import `core`.
"""
