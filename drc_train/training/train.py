"""``drc train``: from a source of unlabelled images to a checkpoint."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from rich.console import Console

from drc_runtime.errors import OutputError, TrainingError, UsageError
from drc_train.config import Config, load_config, parse_config
from drc_train.data.cache import cached_images
from drc_train.data.source import is_sequence
from drc_train.figures.grids import figure, prior_figure, reassignment_figure
from drc_train.learner.distributed import join_processes
from drc_train.learner.em import Learner
from drc_train.learner.stability import PERSISTENT
from drc_train.training.checkpoint import STATE_FILE, read_state, restore, save_checkpoint
from drc_train.training.collapse import collapse
from drc_train.training.monitors import EnergyGap, Score
from drc_train.training.profile import TRACE_FILE, profile_iterations
from drc_train.training.progress import Progress
from drc_train.training.report import write_report

SAVE_EVERY = 60.0
"""Seconds between checkpoints, grids and looks at the masks."""
SAVING_SHARE = 20
"""Learning takes at least so many times the time that saving does: the chains of a million images are gigabytes."""
SHOWN = 12
"""Images in a grid."""
FIRST_LOOK = 100
"""Iterations before a collapsed mask means anything."""

OnIteration = Callable[[int, Mapping[str, float]], bool]


@dataclass(frozen=True)
class TrainReport:
    """What a run of ``train`` came to."""

    out: Path
    preset: str
    images: int
    iterations: int
    """Of the checkpoint, earlier runs included."""
    seconds: float
    """Spent learning, earlier runs included."""
    figures: dict[str, float]
    """Of the last iteration."""
    collapsed: str | None
    """What is wrong with the masks, or None."""
    redrawn: int
    """Chains that diverged in this call and were re-drawn."""
    best: int
    """Iteration of the best checkpoint (``best.safetensors``), see ``drc_train.training.monitors.Score``."""
    interrupted: bool


def train(
    source: str,
    out: Path,
    *,
    preset: str | None = None,
    iterations: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    skip_unreadable: bool = False,
    watch: bool = False,
    profile: bool = False,
    console: Console | None = None,
    on_iteration: OnIteration | None = None,
) -> TrainReport:
    """Learns to cut out the foreground of the images of ``source``, without labels (Algorithm 1).

    Args:
        source: a folder of images, a video file, or a named data set (``tm-dsprites``, ``scene``).
        out: the run's folder: checkpoints, TensorBoard events, newest grid, ``report.html`` at the end.
        preset: a shipped preset or a YAML file; None takes ``static-camera`` for a video and ``edge-64`` otherwise.
        iterations: stop at this iteration; None takes the preset's.
        minutes: stop after this much learning in this call, if that comes first.
        resume: continue the run in ``out``; its own configuration is used. New images may stand behind the earlier ones.
        overrides: ``section.key=value`` settings over the preset; with ``resume`` only those of the section ``train``.
        skip_unreadable: leave out images that cannot be read instead of refusing to start.
        watch: show a dashboard while learning, if the console is a terminal.
        profile: take a profile of a few iterations first: a trace in ``out`` and a table on the console.
        console: where progress goes; None is stderr.
        on_iteration: called after each iteration with its number and its figures; False ends learning, all of it saved.

    Started by torchrun, the processes learn together: ``train.batch_size`` is that of each, and the first one writes.

    Raises:
        ConfigError: the preset or an override is not valid.
        SourceError: the source cannot be read.
        TrainingError: nothing to resume, other data than before, chains or gradients that stay not finite, out of memory.
        OutputError: the run's folder, or the cache of decoded images, cannot be written.
    """
    processes = join_processes()
    console = Console(quiet=True) if processes.rank else console or Console(stderr=True)
    config, preset = _configuration(source, out, preset, resume, overrides)
    with processes.first_alone(), console.status("decoding images ...") as status:
        images = cached_images(
            source,
            config.model.image_size,
            skip_unreadable=skip_unreadable,
            progress=lambda done: status.update(f"decoding images: {done}") if done % 100 == 0 else None,
        )
    if len(images.pixels) < processes.count:
        raise TrainingError(f"{len(images.pixels)} images are too few for {processes.count} processes; start fewer")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    where = f"{processes.count} x {processes.device.type}" if processes.count > 1 else str(processes.device)
    console.print(
        f"{len(images.pixels)} images, preset {preset}, {where}; preparing the compiled step ...", highlight=False
    )
    learner = Learner(config, torch.from_numpy(images.pixels), processes.device, processes=processes)
    about: dict[str, Any] = {"source": source, "preset": preset, "images": len(images.pixels)}
    about["fingerprint"] = images.fingerprint
    before: dict[str, Any] = {}
    if resume:
        before = restore(out, learner, lambda line: console.print(line, highlight=False, markup=False))
        if before["fingerprint"] != images.fingerprint_of(before["images"]):
            raise TrainingError(f"the images of {source} are not those that {out} was learned from; start anew")
    run = _Run(learner, out, about, before)
    if profile:
        table = profile_iterations(learner, out)
        console.print(f"trace: {out / TRACE_FILE}", table, sep="\n", highlight=False, markup=False, soft_wrap=True)
    with Progress(out, console, watch, records=not processes.rank) as progress, _interrupts() as interrupted:
        run.learn(iterations or config.train.iterations, minutes, progress, interrupted, on_iteration)
    if not processes.rank:
        write_report(out, run.collapsed)
    return TrainReport(
        out,
        preset,
        len(images.pixels),
        learner.iteration,
        run.seconds,
        run.figures,
        run.collapsed,
        learner.health.redrawn,
        run.best,
        bool(interrupted),
    )


def _configuration(
    source: str, out: Path, preset: str | None, resume: bool, overrides: Sequence[str]
) -> tuple[Config, str]:
    if resume:
        if preset or any(not override.startswith("train.") for override in overrides):
            raise UsageError(
                "--resume continues with the run's own networks; leave --preset out, and --set but for train.*"
            )
        state = read_state(out)
        return parse_config(state["config"], str(out / STATE_FILE), overrides), str(state["about"]["preset"])
    if (out / STATE_FILE).exists():
        raise UsageError(f"{out} already holds a run: continue it with --resume, or give another --out")
    chosen = preset or ("static-camera" if is_sequence(source) else "edge-64")
    return load_config(chosen, tuple(overrides)), chosen


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM in a list that is looked at between iterations, so that a checkpoint is always whole."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    """The loop around the learner: when to stop, save and look."""

    def __init__(self, learner: Learner, out: Path, about: dict[str, Any], before: dict[str, Any]) -> None:
        """``about`` goes into each checkpoint; ``before`` is what an earlier one said, empty for a new run."""
        self.learner, self.out, self.about = learner, out, about
        self.spent = self.seconds = float(before.get("seconds", 0.0))
        self.score = Score(*before.get("score", ()))
        self.best_score, self.best = before.get("best", (None, 0))
        self.gap = EnergyGap(learner.config.model.latent.total)
        self.figures: dict[str, float] = {}
        self.said = 0
        self.collapsed: str | None = None

    def learn(
        self,
        iterations: int,
        minutes: float | None,
        progress: Progress,
        interrupted: list[int],
        on_iteration: OnIteration | None = None,
    ) -> None:
        start = saved = time.monotonic()
        every = SAVE_EVERY
        learner, first = self.learner, self.learner.iteration
        limit = minutes * 60 if minutes is not None else float("inf")
        while learner.iteration < iterations:
            now = time.monotonic()
            # while there is trouble, the checkpoint from before it is the good one
            due = now - saved >= every and not learner.health.running and learner.iteration > first
            stop, save = learner.processes.any(bool(interrupted) or now - start >= limit, due)
            if stop:
                break
            if save:
                self._save_or_go_on(progress)
                saved = time.monotonic()
                every = max(SAVE_EVERY, SAVING_SHARE * (saved - now))
            self.figures = self._step()
            for note in learner.notes[self.said :]:
                progress.say(note)
            self.said = len(learner.notes)
            taken = time.monotonic() - start
            self.seconds = self.spent + taken
            pace = taken / (learner.iteration - first)
            progress.show(learner.iteration, self.figures, min((iterations - learner.iteration) * pace, limit - taken))
            going_on = on_iteration is None or on_iteration(learner.iteration, self.figures)
            if learner.processes.any(not going_on)[0]:
                break
        self.save(progress)

    def _step(self) -> dict[str, float]:
        health = self.learner.health
        try:
            figures = self.learner.step()
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            batch = self.learner.batch
            raise TrainingError(
                f"out of memory on {self.learner.device} at iteration {self.learner.iteration}: go on from the last "
                f"checkpoint with --resume --set train.batch_size={max(batch // 2, 1)} (now {batch})"
            ) from error
        if health.persistent:
            raise TrainingError(
                f"the last {PERSISTENT} iterations up to {self.learner.iteration} had chains or gradients that are not finite "
                f"({health.redrawn} chains re-drawn, {health.skipped} updates left out); the last good checkpoint is in "
                f"{self.out}: lower train.posterior_step_size or train.generator_rate"
            )
        self.score.note(figures)
        self.gap.note(figures)
        return figures

    def _save_or_go_on(self, progress: Progress) -> None:
        """A full disk may have room again by the next time; what was learned is still in memory."""
        try:
            self.save(progress)
        except OutputError as error:
            progress.say(f"not saved: {error}; the checkpoint before stays, and the next one is tried in time")

    def save(self, progress: Progress) -> None:
        if not self.learner.processes.rank:
            self.look(progress)
        value = self.score.value
        better = not self.collapsed and value is not None and (self.best_score is None or value > self.best_score)
        best = (value, self.learner.iteration) if better else (self.best_score, self.best)
        state = {"seconds": self.seconds, "score": self.score.state, "best": best}
        save_checkpoint(self.out, self.learner, self.about | state, better)
        self.best_score, self.best = best
        if not self.learner.processes.rank:
            self.draw(progress)

    @torch.no_grad()
    def look(self, progress: Progress) -> None:
        """Checks the masks of the chains of the first images, and the energies."""
        learner = self.learner
        index = torch.arange(min(8 * SHOWN, len(learner.feed), len(learner.chains)))
        z, _ = learner.chains.take(index)
        problem = collapse(learner.model(z).mask) if learner.iteration >= FIRST_LOOK else None
        if problem and problem != self.collapsed:
            progress.say(problem)
        self.collapsed = problem
        apart = self.gap.look()
        if apart:
            progress.say(apart)

    def draw(self, progress: Progress) -> None:
        """Draws the grids of the first images' chains."""
        learner = self.learner
        index = torch.arange(min(SHOWN, len(learner.feed), len(learner.chains)))
        z, prior = learner.chains.take(index)
        grids = {"grid": figure(learner.model, z, learner.images(index))}
        grids["prior"] = prior_figure(learner.model, prior)
        if learner.config.model.latent.reassignment:
            grids["reassignment"] = reassignment_figure(learner.model, z)
        progress.grids(learner.iteration, grids)


def _out_of_memory(error: BaseException) -> bool:
    """PyTorch has a type for this on a GPU only."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
