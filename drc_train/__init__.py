"""Deep Region Competition (Yu et al., NeurIPS 2021): learns to extract the foreground of unlabelled images.

from pathlib import Path
from drc_train import Recipe, train

report = train("clip.mp4", Path("runs/mine"), recipe=Recipe("edge-64"), minutes=20)
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drc_train.training.train import Recipe, Reporting, TrainReport, train

__all__ = ["Recipe", "Reporting", "TrainReport", "train"]


def __getattr__(name: str) -> object:
    """Loads the public names, and with them torch, on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from drc_train.training import train as module

    return getattr(module, name)
