"""``drc run --learn``: records frames that differ, has a child process learn and export, and returns the new bundle."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from drc_runtime.errors import MissingDependencyError, OutputError, UsageError
from drc_runtime.frames import Frame, Source
from drc_runtime.packages import install_command
from drc_runtime.pipeline.learn_child import Child, learn_in_child
from drc_runtime.pipeline.learn_state import LearnCallback, minutes
from drc_runtime.pipeline.recording import Recording, record

RECORDING_SHARE = 0.2
"""Share of the time for recording; learning gets the rest."""
RUN = "fixed-camera"
"""The folder of the training run. Earlier versions learned models with a background of their own, in ``run``."""
NEEDED = ("torch", "safetensors", "pydantic", "yaml", "tensorboard", "onnx", "onnxscript", "filelock")


def check_learning(source: Source, spec: str) -> None:
    """Refuses sources from which no model can be learned, before anything is recorded.

    Args:
        source: opened.
        spec: what the user wrote as SOURCE.

    Raises:
        UsageError: the source is not a camera, a stream or a video.
        MissingDependencyError: the packages for training and export are not installed.
    """
    if source.is_still or spec == "-":
        raise UsageError("--learn is for a camera, a stream or a video; for images use drc train and drc export")
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"--learn needs the training and export packages ({missing[0]} is missing): {install_command('export')}"
        )


def learn(
    source: Source,
    frames: Iterator[Frame],
    folder: Path,
    seconds: float,
    *,
    report: LearnCallback | None = None,
    notice: Callable[[str], None] | None = None,
    child: Child | None = None,
) -> Path:
    """Learns a model of a source within ``seconds``, recording and export included.

    ``folder`` gets ``frames``, the training run ``RUN``, the background without what stands in it, and a new bundle for each
    call, named by the date. A call continues what earlier calls left there, however they ended.

    Args:
        source: passed by ``check_learning``.
        frames: its frames; as many are taken as recording needs.
        folder: made if it does not exist.
        seconds: the whole budget.
        report: called with the progress, from this thread.
        notice: called with a line of text when something was decided.
        child: lets another thread interrupt the learning process, and gives it a lower priority; None: it has the machine.

    Returns:
        The new bundle.

    Raises:
        UsageError: another process learns into this folder.
        TrainingError: too little moved before the camera, or learning failed; what was recorded is kept.
        KeyboardInterrupt: by Ctrl-C; frames and checkpoint are kept, and existing bundles are untouched.
        OutputError, SourceError: the folder cannot be written, the source cannot be read.
    """
    deadline = time.monotonic() + seconds
    report, notice = report or (lambda state: None), notice or (lambda line: None)
    with lock_folder(folder):
        recording = Recording(folder / "frames")
        try:
            record(source, frames, recording, deadline - (1 - RECORDING_SHARE) * seconds, report)
            # Learning keeps its share even if the source was lost for long while recording.
            left = max(deadline - time.monotonic(), (1 - RECORDING_SHARE) * seconds)
            notice(f"{len(recording)} frames in {recording.folder}; learning for {minutes(left)}")
            bundle = folder / time.strftime("bundle-%Y%m%d-%H%M%S")
            learn_in_child(recording.folder, folder / RUN, bundle, left, report, child)
        except KeyboardInterrupt:
            notice(
                f"stopped; {len(recording)} frames and the training run are kept in {folder}, --learn continues them"
            )
            raise
    notice(f"learned: {bundle}; to run it again: --model {bundle}")
    return bundle


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other processes from learning into it.

    Raises:
        UsageError: another process learns into it.
        OutputError: it cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"another run is learning into {folder}; wait for it, or choose another --keep") from error
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}; choose another --keep") from error
    try:
        yield
    finally:
        lock.release()
