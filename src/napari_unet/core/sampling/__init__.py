"""The patches that a training sees, and what the network should predict for them.

May import `annotations`, `augment`, `model` and `image`.
"""
