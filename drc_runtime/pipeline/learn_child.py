"""The learning process, ``python -m drc_export.learn``, seen from its parent, which never loads PyTorch."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from drc_runtime.errors import TrainingError
from drc_runtime.pipeline.learn_state import LearnCallback, LearnState

PROGRAM = (sys.executable, "-P", "-m", "drc_export.learn")
"""-P: a torch.py or yaml.py in the current folder must not be run."""


NICE = 15
"""Of a process that learns beside a run: the run's frames come first."""


class Child:
    """The learning process of a run that goes on meanwhile."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._interrupted = False
        self._lock = threading.Lock()

    def started(self, process: "subprocess.Popen[bytes]") -> None:
        """Takes the process over."""
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        with self._lock:
            self._process = process
            if self._interrupted:
                process.send_signal(signal.SIGINT)

    def interrupt(self) -> None:
        """Has the process save its checkpoint and end, now or as soon as it starts."""
        with self._lock:
            self._interrupted = True
            if self._process is not None:
                self._process.send_signal(signal.SIGINT)


def learn_in_child(
    frames: Path, run: Path, bundle: Path, seconds: float, report: LearnCallback, beside: Child | None = None
) -> None:
    """Has a child process learn from ``frames`` into ``run`` and export ``bundle``.

    Args:
        frames: folder of images.
        run: folder of the training run, continued if it exists.
        bundle: folder that the child makes.
        seconds: for learning and export.
        report: called with the child's progress.
        beside: gets the process, which then works at a lower priority.

    Raises:
        TrainingError: the child failed, or was interrupted through ``beside``.
        KeyboardInterrupt: by Ctrl-C; the child has saved its checkpoint.
    """
    command = [*PROGRAM, str(frames), str(run), str(bundle), f"{seconds:.1f}"]
    # A session of its own: Ctrl-C goes to this process, which then lets the child save its checkpoint.
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
        ) as child,
    ):
        if beside is not None:
            beside.started(child)
        try:
            problem = _follow(child, report)
        except BaseException:
            # The child saves. A second Ctrl-C ends this process at once, and the child notices that by itself.
            child.send_signal(signal.SIGINT)
            child.wait()
            raise
        child.wait()
        stderr.seek(0)
        last = stderr.read().decode(errors="replace").strip().splitlines()[-1:]  # of a traceback
    if child.returncode != 0:
        ended = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit code {child.returncode}"
        raise TrainingError(problem or f"the learning process ended with {ended}: {' '.join(last) or 'no message'}")


def _follow(child: "subprocess.Popen[bytes]", report: LearnCallback) -> str:
    """Passes the child's progress on until it closes its output; returns its error message, or an empty string."""
    assert child.stdout is not None
    problem = ""
    for line in child.stdout:
        try:
            message = json.loads(line)
            problem = str(message.pop("error", problem))
            if message:
                report(LearnState(**message))
        except (ValueError, TypeError, AttributeError):
            continue  # output of a library
    return problem
