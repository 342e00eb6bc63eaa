"""Objects in label images: found, divided, numbered, measured and edited.

May import `inference` and `model`.
"""
