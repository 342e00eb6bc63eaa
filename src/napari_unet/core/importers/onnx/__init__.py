"""ONNX files of other programs: read as data, and turned into layers that are known.

May import `families`.
"""
