"""Views: images made from a frame and its mask, and the controls that change them."""
