"""Networks as ONNX graphs: written without the onnx package, for engines and other programs.

May import `unet`.
"""
