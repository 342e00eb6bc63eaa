"""Which patches a training sees, and what the network is to say of them.

May import `annotations`, `augment`, `model` and `image`.
"""
