"""Where images come from: folders, videos, and data sets that are drawn on the spot."""
