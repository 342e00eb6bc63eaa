"""Arrays and tensors in, arrays and tensors out.

Imports nothing of ours outside core.
"""
