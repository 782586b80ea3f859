"""A run of drc train: its loop, checkpoints, progress, monitors and report."""
