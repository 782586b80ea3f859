"""Deep Region Competition (Yu et al., NeurIPS 2021): learns to extract the foreground of unlabelled images."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drc_train.evaluation.evaluate import evaluate
    from drc_train.evaluation.options import EvaluationOptions

__all__ = ["EvaluationOptions", "evaluate"]

_MODULES = {"EvaluationOptions": "drc_train.evaluation.options", "evaluate": "drc_train.evaluation.evaluate"}


def __getattr__(name: str) -> object:
    """Loads a public name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
