"""Data sets that are drawn, with their truth."""
