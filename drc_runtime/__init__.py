"""Runs what ``drc_train`` learned: numpy, onnxruntime and OpenCV, never torch."""

__version__ = "0.1.0"
