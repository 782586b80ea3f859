"""Learns to cut the foreground out of unlabelled images: Deep Region Competition (Yu et al., NeurIPS 2021)."""
