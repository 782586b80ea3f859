"""Turns a trained run into a bundle: ONNX graphs with the gradient of the posterior inside, verified before use."""
