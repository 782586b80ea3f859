"""Masks measured against the truth: models, baselines, tables, the ablation."""
