"""Keeps what is painted on the disk, and offers it again.

May import `widgets`, `session` and `layers`.
"""
