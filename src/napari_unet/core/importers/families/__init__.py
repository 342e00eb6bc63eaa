"""Families of networks, recognised by the names of their weights: one small file for each program.

May import `graph` and `model`.
"""
