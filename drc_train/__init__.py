"""Learns to cut the foreground out of unlabelled images: Deep Region Competition (Yu et al., NeurIPS 2021).

The names below are the public interface; ``docs/api.md`` shows each. They are imported on first use.
"""

from typing import TYPE_CHECKING

from drc_runtime.lazy import lazy_names

__all__ = ["EvaluationOptions", "Recipe", "Reporting", "TrainReport", "evaluate", "train"]

if TYPE_CHECKING:
    from drc_train.evaluation.evaluate import evaluate
    from drc_train.evaluation.options import EvaluationOptions
    from drc_train.training.train import Recipe, Reporting, TrainReport, train
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "drc_train.evaluation.evaluate": ("evaluate",),
            "drc_train.evaluation.options": ("EvaluationOptions",),
            "drc_train.training.train": ("Recipe", "Reporting", "TrainReport", "train"),
        },
    )
