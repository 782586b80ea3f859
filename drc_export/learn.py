"""The child process of ``drc run --learn``: ``python -m drc_export.learn FRAMES RUN BUNDLE SECONDS``.

Learns from a folder of frames, continues the run if there is one, exports and verifies, all within the seconds. Reports its
progress in lines of JSON on stdout (``drc_runtime.pipeline.learn_state.LearnState``); an error is a line ``{"error": ...}``.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from drc_runtime.errors import DRCError, TrainingError
from drc_runtime.pipeline.learn_state import LearnCallback, LearnState

EXPORT_SHARE = 2.5
"""Estimated time of export and verification, relative to the time until the first iteration, in which nothing is compiled."""
LEAST_EXPORT_SECONDS = 10.0
REPORT_EVERY = 1.0
"""Seconds."""
NO_END = 10_000_000
"""Iterations; the time limit ends learning."""


def learn_bundle(
    frames: Path,
    run: Path,
    bundle: Path,
    seconds: float,
    *,
    report: LearnCallback,
    preset: str = "fixed-camera",
    overrides: Sequence[str] = ("train.batch_size=32",),
) -> bool:
    """Learns from a folder of frames and exports a bundle. The background without what stands in it goes beside ``run``.

    Args:
        frames: images in the order in which they were recorded.
        run: the training run's folder; an existing run is continued, with the frames that are new.
        bundle: the folder to write.
        seconds: for everything; the estimated time of the export is reserved.
        report: called with the progress.
        preset: as for ``drc_train.training.train.train``; an existing run keeps its own.
        overrides: likewise.

    Returns:
        False if interrupted: the checkpoint is saved, but no bundle is written.

    Raises:
        TrainingError: the masks have collapsed, or the run cannot be continued.
        VerificationError: the exported graphs are wrong.
        SourceError, OutputError: frames cannot be read, or the results cannot be written.
    """
    begun = time.monotonic()
    report(LearnState("preparing", 0, 0))
    from rich.console import Console

    from drc_export.bundle import export
    from drc_runtime.pipeline.learned import save_background
    from drc_train.config import load_config
    from drc_train.data.source import learned_background
    from drc_train.training.checkpoint import read_run
    from drc_train.training.record import STATE_FILE
    from drc_train.training.train import Recipe, Reporting, train

    resume = (run / STATE_FILE).exists()
    config = read_run(run).config if resume else load_config(preset, list(overrides))
    save_background(run.parent, learned_background(str(frames), config.model.image_size))
    with open(os.devnull, "w") as nowhere:
        learned = train(
            str(frames),
            run,
            recipe=Recipe() if resume else Recipe(preset, tuple(overrides)),
            iterations=NO_END,
            resume=resume,
            reporting=Reporting(Console(file=nowhere), _until(begun, seconds, report)),
        )
    if learned.interrupted:
        return False
    if learned.collapsed:
        raise TrainingError(f"{learned.collapsed} (what was learned is kept in {run}; no bundle was made)")
    report(LearnState("exporting", time.monotonic() - begun, seconds))
    export(run, bundle, name=bundle.parent.name)
    return True


def _until(begun: float, seconds: float, report: LearnCallback) -> Callable[[int, Mapping[str, float]], bool]:
    """Reports every ``REPORT_EVERY`` seconds; returns False when only the time reserved for the export is left."""
    first, said = 0.0, 0.0

    def go_on(iteration: int, figures: Mapping[str, float]) -> bool:
        nonlocal first, said
        now = time.monotonic() - begun
        first = first or now
        left = seconds - max(LEAST_EXPORT_SECONDS, EXPORT_SHARE * first) - now
        if now - said >= REPORT_EVERY:
            said = now
            share = figures.get("foreground_share", 0.0)
            report(LearnState("learning", now, now + max(left, 0), f": iteration {iteration}, {share:.1%} foreground"))
        return left > 0

    return go_on


def _interrupt_with_parent() -> None:
    """Interrupts this process when its parent has died, so that the checkpoint is saved."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGINT)


def main(arguments: Sequence[str]) -> int:
    """Returns 0, 1 after an error, or 130 if interrupted."""
    frames, run, bundle, seconds = arguments

    def say(message: Mapping[str, object]) -> None:
        try:
            print(json.dumps(message), flush=True)
        except BrokenPipeError:
            pass  # the parent is gone; _interrupt_with_parent ends this process

    threading.Thread(target=_interrupt_with_parent, daemon=True).start()
    try:
        finished = learn_bundle(
            Path(frames), Path(run), Path(bundle), float(seconds), report=lambda state: say(asdict(state))
        )
    except DRCError as error:
        say({"error": str(error)})
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if finished else 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
