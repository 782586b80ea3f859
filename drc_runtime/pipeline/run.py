"""A source through the model to its outputs: the function behind ``drc run``."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drc_runtime.engines import PROCESSOR
from drc_runtime.errors import UsageError
from drc_runtime.frames import Frame, Sink, Source
from drc_runtime.inference.cold_start import check_seed
from drc_runtime.machine import available_cores
from drc_runtime.outputs import Claim, claim_file, claim_folder
from drc_runtime.pipeline.check_options import allows_window, check_camera, check_for_source, check_model
from drc_runtime.pipeline.frame_extractor import FrameExtractor
from drc_runtime.pipeline.learn import check_learning
from drc_runtime.pipeline.learn import learn as learn_model
from drc_runtime.pipeline.learn_state import DONE, LearnCallback, LearnState
from drc_runtime.pipeline.learned import default_folder
from drc_runtime.pipeline.live_learning import LiveLearning
from drc_runtime.pipeline.loop import process
from drc_runtime.pipeline.model_choice import ModelChoice, choose_model, is_sample
from drc_runtime.pipeline.options import (
    DEFAULT_BACKGROUND,
    DEFAULT_THRESHOLD,
    Callbacks,
    LearnOptions,
    ModelOptions,
    Notice,
    OutputOptions,
    WatchOptions,
)
from drc_runtime.pipeline.report import RunReport
from drc_runtime.pipeline.resume import Job, open_job
from drc_runtime.pipeline.side_by_side import SideBySide
from drc_runtime.pipeline.signals import GracefulShutdown
from drc_runtime.pipeline.student_frames import StudentFrames
from drc_runtime.sinks.av_video import part_of
from drc_runtime.sinks.background_writer import BackgroundWriter
from drc_runtime.sinks.check_outputs import check_outputs, is_file, result_names
from drc_runtime.sinks.events import EventSink
from drc_runtime.sinks.log import LogSink, RunLog
from drc_runtime.sinks.open import open_page, open_sinks, open_watching_sinks
from drc_runtime.sinks.png import ImageSink, disagreement
from drc_runtime.sinks.statistics import RunStatistics
from drc_runtime.sinks.window import WindowSink, display_available
from drc_runtime.sources.open import open_source
from drc_runtime.views.controls import Controls, Settings
from drc_runtime.views.views import Views, view_names

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.extractor import Extractor
    from drc_runtime.inference.student import StudentExtractor


def run(
    source: str,
    *,
    model: ModelOptions = ModelOptions(),
    outputs: OutputOptions = OutputOptions(),
    watch: WatchOptions = WatchOptions(),
    learn: LearnOptions | None = None,
    raw: str | None = None,
    callbacks: Callbacks = Callbacks(),
) -> RunReport:
    """Extracts the foreground of every frame of a source and writes or shows it.

    Videos and live sources are tracked: each frame starts from the last one's latents. Images each start from noise.

    Args:
        source: see ``open_source``.
        model: which model runs, and how.
        outputs: what is written.
        watch: who sees it.
        learn: a model of this source is learned, see ``drc_runtime.pipeline.learn``; None runs an existing one.
        raw: ``WIDTHxHEIGHT[@FPS]`` of rgb24 frames on standard input, for the source ``-``.
        callbacks: functions that are called meanwhile.

    Raises:
        KeyboardInterrupt: by Ctrl-C while a model of a file is learned. After that, Ctrl-C ends the run in order.
        TrainingError, MissingDependencyError: there is nothing to learn from, or no package to learn with.
        UsageError: an option is out of range or has no effect, or an output would replace a file.
        SourceError: the source cannot be opened, or the decoder of a video crashed.
        BundleError, EngineError: the model cannot be used.
        OutputError: a result cannot be written.
    """
    started = time.monotonic()
    check_model(model, learn)
    choice = choose_model(source, model.bundle, learn)
    learned = None
    with ExitStack() as stack:
        shutdown = stack.enter_context(GracefulShutdown())
        log = stack.enter_context(closing(RunLog(outputs.log))) if outputs.log is not None else None
        told: list[Notice] = []
        notice = _logged(callbacks.notice, log, told)
        background = outputs.background or DEFAULT_BACKGROUND
        controls = Controls(Settings(threshold=outputs.threshold or DEFAULT_THRESHOLD), view_names(background))
        views = stack.enter_context(Views(background, controls, boxes=outputs.boxes))
        # The network loads while the source opens.
        loader = stack.enter_context(ThreadPoolExecutor(1))
        loading = loader.submit(_load, choice.bundle, model)
        page = stack.enter_context(open_page(watch.serve, watch.token)) if watch.serve is not None else None
        opened = stack.enter_context(open_source(source, raw=raw, notice=notice))
        if opened.is_still and learn is None and model.bundle is None and not is_sample(source):
            raise UsageError(
                f"there is no model for every picture: name one with --model for {source}. To learn one from pictures like it: "
                "drc train FOLDER --out RUN, then drc export RUN --out MODEL"
            )
        outputs = _with_default_output(source, outputs, watch)
        shown = allows_window(opened, outputs, watch) and display_available()
        if not (outputs.paths or outputs.events or watch.watched or shown):
            serve = "" if opened.is_still else ", or --serve PORT to watch it in a browser"
            raise UsageError(f"nothing to write and no display to show it on; add --out PATH or --masks DIR{serve}")
        check_for_source(opened, model, outputs, watch)
        job = open_job(opened, choice.bundle, model, outputs)
        _check_outputs(opened, outputs)
        events = stack.enter_context(closing(RunLog(outputs.events))) if outputs.events is not None else None
        claims = _claim_outputs(stack, outputs)
        if learn is not None:
            check_learning(opened, source)
            if not opened.live:
                opened, learned = _learn(opened, source, learn, callbacks.learning, notice, stack)
                choice = replace(choice, bundle=learned, why=None)
                loading = loader.submit(_load, learned, model)
                started = time.monotonic()  # learning is no part of the run's rate and of the wait for its first mask
        loaded = loading.result()
        check_camera(opened, loaded.manifest, model)
        if learn is None:  # what is learned may take noise where the model before it takes none
            check_seed(loaded.manifest, model.seed, model.sampling)
        if choice.why is not None:
            notice(choice.why)
        extractor = _frames(loaded, opened, controls, model, choice, notice, stack)
        statistics = RunStatistics(opened, extractor.failures, started=started, model=str(choice.bundle))
        told.append(statistics.tell)
        extract: Callable[[Frame], Extraction | None] = extractor.extract
        learning = None
        if learn is not None and opened.live:
            learning = LiveLearning(
                opened,
                choice,
                learn.seconds,
                partial(_load_extractor, model=model),
                _telling(statistics, callbacks),
                notice,
            )
            assert isinstance(extractor, FrameExtractor), "check_model refuses --learn with a student"
            extract = stack.enter_context(learning).beside(extractor)
        watching = open_watching_sinks(opened, views, controls, statistics, page=page, vcam=watch.vcam)
        if page is not None and callbacks.notice is not None:
            callbacks.notice(f"live page: {page.url}")  # not into the log, because the address can hold a token
        for claim in claims:
            _begin(claim, job, opened)
        sinks = [*_open_sinks(opened, views, controls, outputs), *watching]
        if log is not None:
            sinks.append(LogSink(log, opened))
        if events is not None:
            sinks.append(EventSink(events))
        writer = stack.enter_context(BackgroundWriter([*sinks, statistics]))
        window = None
        if shown:
            window = WindowSink(views.shown, controls, statistics.figures, rate=opened.rate, live=opened.live)
            stack.enter_context(window)
        for_viewers_only = not (opened.live or outputs.paths or shown)
        interrupted = process(
            opened,
            extract,
            writer,
            controls,
            window=window,
            progress=callbacks.progress,
            keep_time=for_viewers_only,
            ahead=extractor.ahead,
        )
        shutdown.raising = False
        if opened.live:
            choice.keep_background(extractor.camera, notice)
    totals = statistics.totals()
    return RunReport(
        **vars(totals),
        outputs=outputs.paths if totals.frames or totals.skipped else [],
        learned=learned if learning is None else learning.learned,
        interrupted=interrupted or shutdown.received is not None,
        signal=shutdown.received,
    )


def _logged(notice: Notice | None, log: RunLog | None, others: list[Notice]) -> Notice:
    """``notice``, which writes its lines into the log too, and tells ``others``."""

    def both(line: str) -> None:
        if log is not None:
            log.write({"event": line})
        for tell in (notice, *others):
            if tell is not None:
                tell(line)

    return both


def _telling(statistics: RunStatistics, callbacks: Callbacks) -> LearnCallback:
    """Shows the progress of learning to the caller and on the page."""

    def tell(state: LearnState) -> None:
        statistics.learning = None if state.phase == DONE else str(state)
        if state.phase == DONE and state.detail:
            statistics.model = state.detail
        if callbacks.learning is not None:
            callbacks.learning(state)

    return tell


def _with_default_output(source: str, outputs: OutputOptions, watch: WatchOptions) -> OutputOptions:
    """A sample is written as a video if nothing else is asked for."""
    if outputs.paths or watch.watched or not is_sample(source):
        return outputs
    return replace(outputs, out=Path(source.replace(":", "-").replace("sample", "drc-sample") + ".mp4"))


def _check_outputs(source: Source, outputs: OutputOptions) -> None:
    check_outputs(
        source,
        out=outputs.out,
        folders=outputs.folders,
        log=outputs.log,
        background=outputs.background,
        alpha=outputs.alpha,
        overwrite=outputs.overwrite,
        resume=outputs.resume,
    )


def _claim_outputs(stack: ExitStack, outputs: OutputOptions) -> list[Claim]:
    """Keeps other processes from the outputs until the stack is closed."""
    overwrite = outputs.overwrite or outputs.resume
    claims = [
        stack.enter_context(claim_folder(option, folder, overwrite=overwrite))
        for option, folder in outputs.folders.items()
    ]
    if outputs.out is not None and is_file(outputs.out):
        part = part_of(outputs.out)
        claims.append(stack.enter_context(claim_file("--out", outputs.out, overwrite=overwrite, part=part)))
    elif outputs.out is not None:
        claims.append(stack.enter_context(claim_folder("--out", outputs.out, overwrite=overwrite)))
    return claims


def _begin(claim: Claim, job: Job | None, source: Source) -> None:
    """Makes an output ready for the first result: in a folder, those of an earlier run are removed unless they are continued."""
    if job is not None and claim.is_folder:
        job.begin(claim)
    elif not source.is_still:
        claim.remove(result_names(source))


def _open_sinks(source: Source, views: Views, controls: Controls, outputs: OutputOptions) -> list[Sink]:
    sinks = open_sinks(
        source,
        views,
        controls,
        out=outputs.out,
        masks=outputs.masks,
        soft=outputs.soft,
        alpha=outputs.alpha,
        audio=outputs.audio is not False,
    )
    return sinks if outputs.uncertainty is None else [*sinks, ImageSink(outputs.uncertainty, disagreement)]


def _learn(
    opened: Source,
    spec: str,
    options: LearnOptions,
    learning: LearnCallback | None,
    notice: Notice | None,
    stack: ExitStack,
) -> tuple[Source, Path]:
    """Learns a model of the source. Returns the source to run it on, a file from its beginning, and the new bundle."""
    folder = options.keep or default_folder(spec)
    learned = learn_model(opened, iter(opened), folder, options.seconds, report=learning, notice=notice)
    if opened.live:
        return opened, learned
    opened.close()
    return stack.enter_context(open_source(spec, notice=notice)), learned


def _for_images(
    loaded: "Extractor", source: Source, bundle: Path, model: ModelOptions, stack: ExitStack
) -> "Extractor | SideBySide":
    """On a processor, images are extracted side by side, one thread each: as many as there are threads."""
    threads = model.threads or available_cores()
    count = threads if source.count is None else min(threads, source.count)
    if not source.is_still or model.engine != PROCESSOR or count == 1:
        return loaded
    alone = replace(model, threads=1)
    return stack.enter_context(closing(SideBySide([_load_extractor(bundle, alone) for _ in range(count)])))


def _frames(
    loaded: "Extractor | StudentExtractor",
    source: Source,
    controls: Controls,
    model: ModelOptions,
    choice: ModelChoice,
    notice: Notice,
    stack: ExitStack,
) -> FrameExtractor | StudentFrames:
    from drc_runtime.inference.student import StudentExtractor

    if isinstance(loaded, StudentExtractor):
        return StudentFrames(loaded, source)
    return FrameExtractor(
        _for_images(loaded, source, choice.bundle, model, stack),
        source,
        controls,
        steps=model.steps,
        rate=model.rate,
        adaptation=model.adaptation,
        notice=notice,
        background=choice.background(loaded.manifest, notice),
    )


def _load(bundle: Path, model: ModelOptions) -> "Extractor | StudentExtractor":
    if not model.student:
        return _load_extractor(bundle, model)
    from drc_runtime.inference.student import StudentExtractor

    return StudentExtractor(
        bundle, threads=model.threads, engine=model.engine, precision=model.precision, refine=model.refinement
    )


def _load_extractor(bundle: Path, model: ModelOptions) -> "Extractor":
    # Imported here, in the loading thread, because onnxruntime takes a good part of the start-up time.
    from drc_runtime.inference.extractor import Extractor

    return Extractor(
        bundle,
        threads=model.threads,
        mask=model.mask,
        seed=model.seed or 0,
        engine=model.engine,
        precision=model.precision,
        sampling=model.sampling,
        refine=model.refinement,
    )
