"""The foreground of one image."""

from drc_runtime.inference.extractor import Extraction

__all__ = ["Extraction"]
