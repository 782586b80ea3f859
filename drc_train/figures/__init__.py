"""Figures of a run and of a data set, as images."""
