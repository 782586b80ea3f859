"""The training loop around the learner: when to stop, when to save, and what to check then."""

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import torch

from drc_runtime.errors import OutputError, TrainingError
from drc_train.figures.grids import figure, prior_figure, reassignment_figure
from drc_train.learner.em import Learner
from drc_train.learner.stability import MAX_CONSECUTIVE
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.collapse import collapse
from drc_train.training.monitors import EnergyGap, Score
from drc_train.training.progress import Progress
from drc_train.training.record import Best, RunningMean, RunRecord

SAVE_EVERY = 60.0
"""Seconds between checkpoints, each with grids and a check of the masks."""
SAVING_FACTOR = 20
"""Training runs at least this many times as long as the last save took: the chains of a million images are gigabytes."""
SHOWN = 12
"""Images in a grid."""
CHECKED = 8 * SHOWN
"""Images whose masks are checked for collapse."""
FIRST_CHECK = 100
"""Iterations before a collapsed mask means anything."""

RECENT = 20
"""Iterations whose mean time is that of those to come: compiled ones are faster than the first."""

OnIteration = Callable[[int, Mapping[str, float]], bool]


@contextmanager
def collect_interrupts() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM in a list that the loop reads between iterations, so that it can save first."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class TrainingLoop:
    """Iterates, saves and checks; its attributes say how the run went."""

    def __init__(self, learner: Learner, out: Path, about: RunRecord, progress: Progress) -> None:
        """Starts where ``learner`` stands.

        Args:
            learner: new, or restored from a checkpoint.
            out: the run's folder.
            about: of the run so far; its seconds, score and best checkpoint are continued.
            progress: shows what happens.
        """
        self.learner, self.out, self.about, self.progress = learner, out, about, progress
        self.figures: dict[str, float] = {}
        """Of the last iteration."""
        self.collapsed: str | None = None
        """What is wrong with the masks, or None."""
        self._spent, self._compiled = about.seconds, about.compiled
        self._paces: deque[float] = deque(maxlen=RECENT)
        self._score = Score(*about.score)
        self._gap = EnergyGap(learner.config.model.latent.total)
        self._notes_shown = 0

    def run(
        self, iterations: int, seconds: float, interrupted: list[int], on_iteration: OnIteration | None = None
    ) -> None:
        """Trains until one of the limits is reached, then saves.

        Args:
            iterations: of the run, earlier calls included.
            seconds: of this call.
            interrupted: not empty once the user wants to stop.
            on_iteration: called after each iteration with its number and its figures; False stops.

        Raises:
            TrainingError: chains or gradients stay not finite, or out of memory.
            OutputError: the last checkpoint cannot be written.
        """
        start = saved = time.monotonic()
        every = SAVE_EVERY
        learner, first = self.learner, self.learner.iteration
        while learner.iteration < iterations:
            now = time.monotonic()
            # no saving while iterations are unstable: the checkpoint from before is the good one
            due = now - saved >= every and not learner.stability.consecutive and learner.iteration > first
            stop, save = learner.group.any(bool(interrupted) or now - start >= seconds, due)
            if stop:
                break
            if save:
                self._try_to_save()
                saved = time.monotonic()
                every = max(SAVE_EVERY, SAVING_FACTOR * (saved - now))
            begun = time.monotonic()
            self.figures = self._step()
            self._paces.append(time.monotonic() - begun)
            taken = time.monotonic() - start
            compiled = (*self._compiled, *learner.swaps)
            self.about = replace(self.about, seconds=self._spent + taken, compiled=compiled)
            pace = sum(self._paces) / len(self._paces)
            self._show(min((iterations - learner.iteration) * pace, seconds - taken))
            proceed = on_iteration is None or on_iteration(learner.iteration, self.figures)
            if learner.group.any(not proceed)[0]:
                break
        self.save()

    def save(self) -> None:
        """Checks the masks, writes a checkpoint and draws the grids. A collective: all processes must call it."""
        if self.learner.group.is_first:
            self.check()
        value, best = self._score.value, self.about.best
        better = not self.collapsed and value is not None and (best.score is None or value > best.score)
        if better:
            best = Best(value, self.learner.iteration)
        about = replace(self.about, score=RunningMean(*self._score.state), best=best)
        save_checkpoint(self.out, self.learner, about, better)
        self.about = about
        if self.learner.group.is_first:
            self.draw()

    @torch.no_grad()
    def check(self) -> None:
        """Looks for collapsed masks in the chains of some images, and for energies that drift apart."""
        learner = self.learner
        z, _ = learner.chains.take(learner.chains.spread_images(CHECKED))
        problem = collapse(learner.model(z).mask) if learner.iteration >= FIRST_CHECK else None
        if problem and problem != self.collapsed:
            self.progress.say(problem)
        self.collapsed = problem
        drift = self._gap.check()
        if drift:
            self.progress.say(drift)

    def draw(self) -> None:
        """Draws the grids of some images' chains, spread evenly over the source."""
        learner = self.learner
        index = learner.chains.spread_images(SHOWN)
        z, prior = learner.chains.take(index)
        grids = {"grid": figure(learner.model, z, learner.images(index)), "prior": prior_figure(learner.model, prior)}
        if learner.config.model.latent.reassignment:
            grids["reassignment"] = reassignment_figure(learner.model, z)
        self.progress.grids(learner.iteration, grids)

    def _step(self) -> dict[str, float]:
        learner = self.learner
        try:
            figures = learner.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingError(
                f"out of memory on {learner.device} at iteration {learner.iteration}: continue from the last checkpoint with "
                f"--resume --set train.batch_size={max(learner.batch // 2, 1)} (now {learner.batch})"
            ) from error
        stability = learner.stability
        if stability.persistent:
            raise TrainingError(
                f"the last {MAX_CONSECUTIVE} iterations up to {learner.iteration} had chains or gradients that are not finite "
                f"({stability.reinitialised} chains re-initialised, {stability.skipped} updates skipped); the last good "
                f"checkpoint is in {self.out}: lower train.posterior_step_size or train.generator_rate"
            )
        self._score.note(figures)
        self._gap.note(figures)
        return figures

    def _show(self, left: float) -> None:
        notes = self.learner.notes
        for note in notes[self._notes_shown :]:
            self.progress.say(note)
        self._notes_shown = len(notes)
        self.progress.show(self.learner.iteration, self.figures, left)

    def _try_to_save(self) -> None:
        """Goes on if the disk is full: there may be room next time, and what was learned is still in memory."""
        try:
            self.save()
        except OutputError as error:
            self.progress.say(f"not saved: {error}; the checkpoint before stays, and the next save is tried in time")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed. PyTorch has an exception type for this on GPUs only."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
