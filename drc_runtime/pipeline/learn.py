"""``drc run --learn``: records frames that differ, has a child process learn and export, and names the new bundle.

The child is ``python -m drc_export.learn``: PyTorch never loads in the process that then runs the model.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from drc_runtime.errors import MissingDependencyError, OutputError, TrainingError, UsageError
from drc_runtime.frames import Frame, Source
from drc_runtime.pipeline.recording import Recording

WANTED = 500
"""Frames that differ; more of them hardly teach a static camera's model more, and each is then visited less often."""
MORE = 100
"""At least so many new ones are wanted where earlier ones are kept."""
FEWEST = 16
"""With fewer there is nothing that could be told from the background."""
RECORDING_SHARE = 0.2
"""Of the time, for recording; what is left of it goes to learning."""
LIVE_GAP = 0.2
"""Seconds between recorded frames of a live source: neighbours hardly differ."""
SHORTEST = 60.0
NEEDED = ("torch", "safetensors", "pydantic", "yaml", "tensorboard", "onnx", "onnxscript", "filelock")
PROGRAM = (sys.executable, "-m", "drc_export.learn")
FOLDER = Path("drc-learned")


@dataclass(frozen=True)
class LearnState:
    """How far learning is.

    Attributes:
        phase: ``recording``, ``preparing``, ``learning`` or ``exporting``.
        done, total: frames while recording, otherwise seconds of the phase.
        detail: figures for a person to read.
    """

    phase: str
    done: float
    total: float
    detail: str = ""

    def __str__(self) -> str:
        if self.phase == "recording":
            return f"recording: {self.done:.0f} frames that differ, {max(self.total - self.done, 0):.0f} more wanted{self.detail}"
        left = f", {_minutes(self.total - self.done)} left" if self.total else ""
        return f"{self.phase}{left}{self.detail}"


Report = Callable[[LearnState], None]


def parse_duration(text: str) -> float:
    """``90s``, ``10m`` or ``1h`` as seconds.

    Raises:
        UsageError: it is none of these, or less than a minute.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|m|h)", text.strip())
    if match is None:
        raise UsageError(f"--learn {text}: write how long to learn as 90s, 10m or 1h")
    seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
    if seconds < SHORTEST:
        raise UsageError(f"--learn {text} is too short to learn anything; give it 1m or more, 10m is a good start")
    return seconds


def check_learning(source: Source, spec: str) -> None:
    """Refuses what cannot be learned from, before anything is recorded.

    Raises:
        UsageError: the source is not a camera, a stream or a video.
        MissingDependencyError: the packages for training and export are not installed.
    """
    if source.rate is None or spec == "-":
        raise UsageError("--learn is for a camera, a stream or a video; for images use drc train and drc export")
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f'--learn needs the training and export packages ({missing[0]} is missing): pip install "drc[export]"'
        )


def default_folder(spec: str) -> Path:
    """Where what is learned from a source is kept: ``drc-learned/NAME``, the same for the same source."""
    word, _, detail = spec.partition(":")
    if detail.startswith("//"):
        name = re.sub(r"^[^@/]*@", "", detail[2:])  # without the password
    elif word in ("webcam", "sample") or spec.startswith("/dev/"):
        name = spec
    else:
        name = Path(spec).stem
    return FOLDER / (re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "source")


def learn(
    source: Source,
    frames: Iterator[Frame],
    folder: Path,
    seconds: float,
    *,
    report: Report | None = None,
    notice: Callable[[str], None] | None = None,
) -> Path:
    """Learns a model of a source within ``seconds``, recording and export included.

    ``folder`` holds what is kept: ``frames``, the training run ``run``, and a new bundle for each time, named by its date.
    What an earlier call left there is where this one starts, however that one ended.

    Args:
        source: a checked source, see ``check_learning``.
        frames: its frames; as many are taken as recording needs.
        folder: made if it does not exist.
        seconds: the whole budget.
        report: called as things go on, from this thread.
        notice: called with a line when something was decided.

    Returns:
        The new bundle.

    Raises:
        UsageError: another process learns into this folder.
        TrainingError: too little moved before the camera, or nothing usable came out; what was recorded is kept.
        KeyboardInterrupt: by Ctrl-C; frames and checkpoint are kept, and a bundle that exists is untouched.
        OutputError, SourceError: the folder cannot be written, the source cannot be read.
    """
    deadline = time.monotonic() + seconds
    report, notice = report or (lambda state: None), notice or (lambda line: None)
    with _alone_in(folder):
        recording = Recording(folder / "frames")
        try:
            _record(source, frames, recording, deadline - (1 - RECORDING_SHARE) * seconds, report)
            # a source that was lost for long while recording does not take learning's time
            left = max(deadline - time.monotonic(), (1 - RECORDING_SHARE) * seconds)
            notice(f"{len(recording)} frames in {recording.folder}; learning for {_minutes(left)}")
            bundle = folder / time.strftime("bundle-%Y%m%d-%H%M%S")
            _learn_in_child(recording.folder, folder / "run", bundle, left, report)
        except KeyboardInterrupt:
            notice(
                f"stopped; {len(recording)} frames and what was learned are kept in {folder}, --learn goes on from there"
            )
            raise
    notice(f"learned: {bundle}; to run it again: --model {bundle}")
    return bundle


def _record(source: Source, frames: Iterator[Frame], recording: Recording, until: float, report: Report) -> None:
    """Fills the recording: a live source up to the wanted number, a file evenly over its whole length."""
    earlier = len(recording)
    wanted = max(WANTED, earlier + MORE)
    stride = 1 if source.live else max(1, (source.count or 0) // WANTED)
    due = 0.0
    report(LearnState("recording", earlier, wanted))
    for frame in frames:
        if (frame.seconds >= due) if source.live else (frame.index % stride == 0):
            due = frame.seconds + LIVE_GAP
            recording.offer(frame.image)
            report(LearnState("recording", len(recording), wanted))
        full = len(recording) >= wanted if source.live else len(recording) - earlier >= 2 * WANTED
        if full or time.monotonic() > until:
            break
    if len(recording) < FEWEST:
        raise TrainingError(
            f"only {len(recording)} frames differed, {FEWEST} are the fewest to learn from; let things move before the camera, "
            f"and repeat: what is recorded is kept in {recording.folder}"
        )


def _learn_in_child(frames: Path, run: Path, bundle: Path, seconds: float, report: Report) -> None:
    command = [*PROGRAM, str(frames), str(run), str(bundle), f"{seconds:.1f}"]
    # A session of its own: Ctrl-C is for this process, which then lets the child save what it has.
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, start_new_session=True
        ) as child,
    ):
        assert child.stdout is not None
        problem = ""
        try:
            for line in child.stdout:
                try:
                    message = json.loads(line)
                    problem = str(message.pop("error", problem))
                    if message:
                        report(LearnState(**message))
                except (ValueError, TypeError, AttributeError):
                    continue  # a library's own words
        except BaseException:
            child.send_signal(
                signal.SIGINT
            )  # it saves; a second Ctrl-C ends this process at once, and the child by itself
            child.wait()
            raise
        child.wait()
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]  # of a traceback
    if child.returncode != 0:
        ended = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit code {child.returncode}"
        raise TrainingError(problem or f"the learning process ended with {ended}: {' '.join(last) or 'no message'}")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
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


def _minutes(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d} min"
