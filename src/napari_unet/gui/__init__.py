"""The napari plugin: forms that hold no rules.

May import `services` and `core`; only `plugin` knows all panels.
"""
