"""Inference: the Langevin chain, the mask of a posterior sample, and tracking from frame to frame."""
