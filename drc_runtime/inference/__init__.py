"""From an image to its mask: Langevin steps, the mask that is read from them, tracking over frames."""
