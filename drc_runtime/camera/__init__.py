"""A fixed camera: its background, its light and what happens to it, learned while it runs (docs/background.md)."""
