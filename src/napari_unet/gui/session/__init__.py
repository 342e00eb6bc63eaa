"""What panels share: the current model and the one job, and how the window stays responsive.

Imports no other wing of gui.
"""
