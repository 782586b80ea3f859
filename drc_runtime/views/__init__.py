"""What a person sees of a frame and its mask, and the controls that change it."""
