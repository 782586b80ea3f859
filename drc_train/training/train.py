"""Training from a source of unlabelled images to a checkpoint: ``drc_train.train`` and ``drc train``."""

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console

from drc_runtime.activity import Activity
from drc_runtime.errors import TrainingError, UsageError
from drc_runtime.plain_text import plain
from drc_train.config import Config, load_config, parse_config
from drc_train.data.cache import CachedImages, cached_images
from drc_train.data.source import is_sequence, parse_name
from drc_train.learner.distributed import ProcessGroup, join_process_group
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import read_run, restore
from drc_train.training.folder import check_run_folder, claim_run
from drc_train.training.initialiser import SHARE, is_learned, learn_initialiser
from drc_train.training.loop import OnIteration, TrainingLoop, collect_interrupts
from drc_train.training.profile import TRACE_FILE, profile_iterations
from drc_train.training.progress import Progress
from drc_train.training.record import STATE_FILE, RunRecord
from drc_train.training.report import write_report

ON_A_GPU = "which took a minute and a half on an H100"
FOR_A_GPU = 128
"""Images of this size and above take days on a processor."""


@dataclass(frozen=True)
class Recipe:
    """What to learn and how."""

    preset: str | None = None
    """A shipped preset or a YAML file. None: ``static-camera`` for a video, else ``edge-64``."""
    overrides: tuple[str, ...] = ()
    """``section.key=value`` settings over the preset, applied in order."""


@dataclass(frozen=True)
class Reporting:
    """What a run tells while it trains."""

    console: Console | None = None
    """Progress goes there; None is stderr."""
    on_iteration: OnIteration | None = None
    """Called after each iteration with its number and its figures. False ends training, as Ctrl-C does."""
    profile: bool = False
    """Profile the first iterations: writes a trace into the run's folder and prints a table."""


@dataclass(frozen=True)
class TrainReport:
    """The result of ``train``."""

    out: Path
    preset: str
    images: int
    """Images that it learned from."""
    iterations: int
    """Of the checkpoint, earlier calls included."""
    seconds: float
    """Spent learning, earlier calls included."""
    figures: dict[str, float]
    """Of the last iteration, see ``Learner.step``; empty if there was none."""
    collapsed: str | None
    """What is wrong with the masks, or None."""
    reinitialised: int
    """Chains that diverged in this call and were re-initialised."""
    best: int
    """Iteration of the best checkpoint (``best.safetensors``), see ``drc_train.training.monitors.Score``; 0 without one."""
    interrupted: bool
    """Whether Ctrl-C or SIGTERM ended it."""


def train(
    source: str,
    out: Path,
    *,
    recipe: Recipe = Recipe(),  # noqa: B008 - frozen
    iterations: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    skip_unreadable: bool = False,
    reporting: Reporting = Reporting(),  # noqa: B008 - frozen
) -> TrainReport:
    """Learns to extract the foreground of the images of ``source``, without labels (Algorithm 1).

    Ctrl-C ends it after the current iteration, with a checkpoint. Started by torchrun, the processes train one model together:
    ``train.batch_size`` is that of each, and the first one writes.

    Args:
        source: a folder of images, a video file, or a named data set (``tm-dsprites``, ``scene``).
        out: the run's folder, for checkpoints, TensorBoard events, grids and ``report.html``.
        recipe: preset and overrides. With ``resume`` the run keeps its own, and only overrides of ``train.*`` are allowed.
        iterations: stop at this iteration; None takes the configuration's.
        minutes: stop after this time of training in this call, if that comes first.
        resume: continue the run in ``out``. The source may have more images than before, after the earlier ones.
        skip_unreadable: leave out images that cannot be read, instead of refusing to start.
        reporting: what it tells meanwhile.

    Raises:
        UsageError: an option that contradicts the others or has no effect.
        ConfigError: the preset or an override is not valid.
        SourceError: the source cannot be read.
        TrainingError: nothing to resume, other images than before, chains or gradients that stay not finite, out of memory.
        OutputError: the run's folder or the cache of decoded images cannot be written.
    """
    if skip_unreadable and parse_name(source) is not None:
        raise UsageError(f"--skip-unreadable has no effect: {source} is drawn, not read; leave it out")
    group = join_process_group()
    console = (reporting.console or Console(stderr=True)) if group.is_first else Console(quiet=True)
    config, preset = _configuration(source, out, recipe, iterations, resume)
    check_run_folder(out, source, resume=resume)
    with ExitStack() as stack:
        if group.is_first:
            stack.enter_context(claim_run(out))
        images = _decode(source, config, skip_unreadable, group, console)
        where = f"{group.size} x {group.device.type}" if group.size > 1 else str(group.device)
        count = len(images.pixels)
        if group.device.type == "cpu" and config.model.image_size >= FOR_A_GPU:
            size = f"{config.model.image_size}x{config.model.image_size}"
            note = (
                f"{preset} learns at {size}, for a GPU: its iterations take days on a processor; edge-64 takes minutes"
            )
            console.print(plain(note), highlight=False, markup=False)
        wait = f"; compiling first, {ON_A_GPU}" if group.device.type == "cuda" else ""
        console.print(plain(f"{count} images, preset {preset}, {where}{wait}"), highlight=False, markup=False)
        learner = stack.enter_context(
            closing(Learner(config, torch.from_numpy(images.pixels), group.device, group=group))
        )
        about = RunRecord(source, preset, count, images.fingerprint)
        if resume:
            about = _restore(out, learner, about, images, console)
        if reporting.profile:
            with Activity(console) as report:
                report("compiling, so that the profile is of compiled iterations")
                learner.wait_until_compiled()
            table = profile_iterations(learner, out)
            console.print(f"trace: {out / TRACE_FILE}", table, sep="\n", highlight=False, markup=False, soft_wrap=True)
        with Progress(out, console, records=group.is_first) as progress, collect_interrupts() as interrupted:
            loop = TrainingLoop(learner, out, about, progress)
            seconds = 60 * minutes if minutes is not None else float("inf")
            share = SHARE if is_learned(config) else 0.0
            loop.run(iterations or config.train.iterations, (1 - share) * seconds, interrupted, reporting.on_iteration)
            if share and group.is_first and not interrupted:
                _learn_initialiser(learner, out, share * seconds, interrupted, console, progress)
        if group.is_first:
            write_report(out, loop.collapsed)
    return TrainReport(
        out,
        preset,
        count,
        learner.iteration,
        loop.about.seconds,
        loop.figures,
        loop.collapsed,
        learner.stability.reinitialised,
        loop.about.best.iteration,
        bool(interrupted),
    )


def _learn_initialiser(
    learner: Learner, out: Path, seconds: float, interrupted: list[int], console: Console, progress: Progress
) -> None:
    with Activity(console) as report:

        def proceed(done: int, steps: int) -> bool:
            report("learning the initialiser", done, steps)
            return not interrupted

        line = learn_initialiser(learner, out, seconds, proceed)
    progress.say(line or "no initialiser: it was not learned to its end")


def _configuration(source: str, out: Path, recipe: Recipe, iterations: int | None, resume: bool) -> tuple[Config, str]:
    """The configuration to train with, and its preset's name."""
    if not resume:
        preset = recipe.preset or ("static-camera" if is_sequence(source) else "edge-64")
        return load_config(preset, recipe.overrides), preset
    if recipe != Recipe() and not (out / STATE_FILE).exists():
        raise UsageError(
            f"{out} holds no run that --resume could continue; to start one with --preset and --set, leave out --resume"
        )
    state = read_run(out)
    if recipe.preset not in (None, state.about.preset):
        raise UsageError(
            f"--resume continues the run's own preset, {state.about.preset}: leave out --preset {recipe.preset}"
        )
    if iterations is not None and iterations <= state.iteration:
        raise UsageError(
            f"--iterations {iterations} has no effect: {out} is at iteration {state.iteration}; give a larger number"
        )
    config = parse_config(state.config.model_dump(mode="json"), str(out / STATE_FILE), recipe.overrides)
    if (config.model, config.sampler) != (state.config.model, state.config.sampler):
        raise UsageError("--resume continues with the run's own networks: leave out --set of anything but train.*")
    return config, state.about.preset


def _decode(source: str, config: Config, skip_unreadable: bool, group: ProcessGroup, console: Console) -> CachedImages:
    with group.first_alone(), Activity(console) as report:
        images = cached_images(
            source,
            config.model.image_size,
            channels=config.model.observed_channels,
            skip_unreadable=skip_unreadable,
            progress=lambda done: report("decoding images", done),
        )
    if len(images.pixels) < group.size:
        raise TrainingError(f"{len(images.pixels)} images are too few for {group.size} processes; start fewer")
    return images


def _restore(out: Path, learner: Learner, about: RunRecord, images: CachedImages, console: Console) -> RunRecord:
    """Restores the run and returns ``about`` with what continues from the earlier calls."""
    before = restore(out, learner, lambda line: console.print(plain(line), highlight=False, markup=False))
    if before.fingerprint != images.fingerprint_of(before.images):
        raise TrainingError(f"the images of {about.source} are not those that {out} was learned from; start a new run")
    return replace(about, seconds=before.seconds, score=before.score, best=before.best)
