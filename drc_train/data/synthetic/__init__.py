"""Synthetic data sets, drawn with their ground truth."""
