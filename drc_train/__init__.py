"""Learns to cut the foreground out of unlabelled pictures: Deep Region Competition (Yu et al., NeurIPS 2021)."""
