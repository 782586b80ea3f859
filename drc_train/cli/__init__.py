"""The commands of drc that need the training packages, one file each."""
