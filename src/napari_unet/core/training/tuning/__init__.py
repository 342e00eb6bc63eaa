"""How carefully a trained network is tuned, so that it keeps what it knows.

Part of `training`.
"""
