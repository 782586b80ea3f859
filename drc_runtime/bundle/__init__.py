"""Bundles: a folder of ONNX graphs with a manifest, checked before use."""
