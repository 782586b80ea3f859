"""Evaluation of masks against the ground truth: metrics, models, baselines, tables, the ablation."""
