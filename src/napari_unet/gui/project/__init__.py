"""Saves and opens projects, and asks before paint is left unsaved.

May import `journal` and what it stands on.
"""
