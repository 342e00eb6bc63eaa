"""What a model is, its file, and how one is adapted to another task.

May import `unet`, `image` and the ground.
"""
