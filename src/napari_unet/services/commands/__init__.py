"""Tells what was done in the window as a line of the command line.

May import all other services and `core`.
"""
