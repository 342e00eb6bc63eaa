"""What each device computes of a step, and what those do that don't lead.

May import what `core/training` may.
"""
