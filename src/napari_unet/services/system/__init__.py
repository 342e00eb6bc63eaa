"""What this computer can do.

May import `library` and `core`.
"""
