"""Learns a run to its end, in as many calls as it takes: what ``drc ablate`` and ``drc reproduce`` have in common."""

from pathlib import Path

from rich.console import Console

from drc_train.training.checkpoint import read_state
from drc_train.training.record import STATE_FILE
from drc_train.training.train import Recipe, Reporting, train


def learn_to_the_end(
    source: str,
    folder: Path,
    recipe: Recipe,
    *,
    iterations: int | None = None,
    minutes: float | None = None,
    console: Console | None = None,
) -> bool:
    """Starts the run in ``folder``, continues it where it was begun, and leaves it alone where it is finished.

    Args:
        source: as for ``train``.
        folder: the run's.
        recipe: of a new run; one that was begun keeps its own.
        iterations: of the run; None takes the recipe's.
        minutes: of learning, all calls together, if that comes first.
        console: where progress is printed; None is stderr.

    Returns:
        Whether it is finished; False after Ctrl-C, which saves.

    Raises:
        ConfigError, SourceError, TrainingError, OutputError: as for ``train``.
    """
    begun = (folder / STATE_FILE).is_file()
    left = minutes
    if begun:
        state = read_state(folder)
        left = None if minutes is None else minutes - state.about.seconds / 60
        if state.iteration >= (iterations or state.config.train.iterations) or (left is not None and left <= 0):
            return True
    report = train(
        source,
        folder,
        recipe=Recipe() if begun else recipe,
        iterations=iterations,
        minutes=left,
        resume=begun,
        reporting=Reporting(console),
    )
    return not report.interrupted
