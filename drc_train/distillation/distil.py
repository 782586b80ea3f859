"""Makes the student of a run: ``drc train FOLDER --out RUN --student``."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from drc_runtime.activity import Activity, Report, silent
from drc_runtime.errors import TrainingError, UsageError
from drc_train.data.cache import cached_images
from drc_train.data.source import is_sequence, parse_name
from drc_train.distillation.judge import judge
from drc_train.distillation.share import set_share
from drc_train.distillation.teachers import chain_masks, iem_masks
from drc_train.learner.student import StudentLearner
from drc_train.model.student import SIZE, Student
from drc_train.training.checkpoint import read_run
from drc_train.training.folder import claim_run
from drc_train.training.loop import collect_interrupts
from drc_train.training.record import is_run
from drc_train.training.student_file import STUDENT_FILE, save_student

STEPS = 300
"""Steps, each of a batch of ``drc_train.learner.student.BATCH`` pictures."""
FEWEST = 8
"""Pictures from which a student can learn anything."""


@dataclass(frozen=True)
class StudentReport:
    """The result of ``make_student``."""

    path: Path
    """The student's file in the run's folder; absent where ``interrupted``."""
    images: int
    """Pictures that it learned from."""
    steps: int
    seconds: float
    """All together, the teachers' masks included."""
    used: int
    """Of the pictures, those with a mask that the judge believed."""
    interrupted: bool
    """Whether Ctrl-C or SIGTERM ended it; then nothing is written."""


def make_student(
    source: str, run: Path, *, minutes: float | None = None, console: Console | None = None
) -> StudentReport:
    """Learns a student from the masks that teachers give the pictures of a folder, and writes it into the run's folder.

    No label is read. The seed is the run's.

    Args:
        source: a folder of pictures: the run's own, or others.
        run: of ``drc train``, finished; its student is replaced.
        minutes: ends learning after so long, the time of the teachers not counted.
        console: progress goes there; None is stderr.

    Raises:
        UsageError: the source is no folder of pictures or has fewer than ``FEWEST``; there is no run, or one of a fixed
            camera.
        SourceError: a picture cannot be read.
        TrainingError: the run has no usable checkpoint, or no mask of a teacher can be believed.
        OutputError: the file cannot be written.
    """
    folder = _folder(source)
    if not is_run(run):
        raise UsageError(f"--student: {run} holds no run of drc train; learn one first, without --student")
    state = read_run(run)
    if state.config.model.background_input:
        raise UsageError(f"--student is for pictures, and {run} is the run of a fixed camera; take another run")
    begun = time.monotonic()
    with claim_run(run), collect_interrupts() as interrupted, Activity(console) as report:
        images = cached_images(source, SIZE).pixels
        if len(images) < FEWEST:
            raise UsageError(f"--student: {source} has {len(images)} pictures; give {FEWEST} or more to learn from")

        def tell(phase: str, done: int = 0, total: int | None = None) -> None:
            report(phase, done, total)
            if interrupted:
                raise _Interrupted

        try:
            masks = [iem_masks(images, tell), chain_masks(run, folder, images, tell)]
            targets, teaches = judge(images, masks, tell)
            if not teaches.any():
                raise TrainingError(
                    f"no picture of {source} can be cut along its teachers' masks: give more, or others"
                )
            lessons = images[teaches], targets[teaches]
            limit = float("inf") if minutes is None else 60 * minutes
            network, steps = learn(*lessons, state.config.train.seed, seconds=limit, report=tell)
            set_share(network, lessons[0], float(lessons[1].mean()) / 255)
            save_student(run, network.fused(), state.iteration)
        except _Interrupted:
            return StudentReport(run / STUDENT_FILE, len(images), 0, time.monotonic() - begun, 0, True)
    seconds = time.monotonic() - begun
    return StudentReport(run / STUDENT_FILE, len(images), steps, seconds, len(lessons[0]), False)


class _Interrupted(Exception):
    """Ends the work between two steps."""


def learn(
    images: NDArray[np.uint8],
    targets: NDArray[np.uint8],
    seed: int,
    *,
    seconds: float = float("inf"),
    report: Report = silent,
) -> tuple[Student, int]:
    """A new student that has learned the targets, and the number of steps that it had.

    Args:
        images: ``(N, 3, SIZE, SIZE)`` uint8 RGB.
        targets: ``(N, SIZE, SIZE)`` uint8, the foreground's probability from 0 to 255.
        seed: of its weights, the batches and the augmentation.
        seconds: ends it before ``STEPS``, after one step at the least.
        report: called before each step.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Student(normalised=True)
    tensors = torch.from_numpy(images), torch.from_numpy(targets)
    learning = StudentLearner(network, *tensors, seed)
    begun, done, share = time.monotonic(), 0, 0.0
    while share < 1:
        report("learning the student", done, STEPS)
        learning.step(share)
        done += 1
        share = max(done / STEPS, (time.monotonic() - begun) / seconds if seconds else 1.0)
    return network, done


def _folder(source: str) -> Path:
    if parse_name(source) is not None or is_sequence(source) or not Path(source).is_dir():
        raise UsageError(f"--student learns from a folder of pictures, which {source} is not; give one")
    return Path(source)
