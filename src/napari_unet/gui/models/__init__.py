"""*Load U-Net*.

May import `widgets`, `session` and `layers`.
"""
