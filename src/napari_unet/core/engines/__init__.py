"""What computes a network: torch, OpenVINO or onnxruntime. Tiling, memory and cancelling are ours.

May import `onnx` and `unet`.
"""
