"""Networks for other programs: bioimage.io packages and ONNX files.

May import `inference` and `model`.
"""
