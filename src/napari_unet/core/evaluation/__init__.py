"""How well labels agree with others, and where to annotate next.

May import `image` and the ground.
"""
