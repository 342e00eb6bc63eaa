"""Trains a network: plan, loop, validation, result.

May import all of core.
"""
