"""Langevin steps of the posterior and the prior, traced and compiled for training, evaluation and export."""
