"""A source through the model to its outputs: the function behind ``drc run``."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drc_runtime.errors import UsageError
from drc_runtime.frames import Frame, Source
from drc_runtime.pipeline.method import extraction_method
from drc_runtime.pipeline.report import RunReport
from drc_runtime.pipeline.resume import open_job
from drc_runtime.pipeline.signals import Ending
from drc_runtime.samples import sample_bundle
from drc_runtime.sinks.background_writer import BackgroundWriter
from drc_runtime.sinks.log import RunLog
from drc_runtime.sinks.open import check_outputs, open_sinks
from drc_runtime.sinks.statistics import FRAMES_KEPT, Health, Meter, percentiles
from drc_runtime.sinks.watch import open_page, watching_sinks
from drc_runtime.sinks.window import WindowSink, display_available
from drc_runtime.sources.open import open_source
from drc_runtime.views.controls import Controls, Settings
from drc_runtime.views.views import Views, view_names

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.extractor import Extractor
    from drc_runtime.pipeline.learn import Report as LearnReport

Progress = Callable[[int, int | None], None]
Notice = Callable[[str], None]


def run(
    source: str,
    *,
    model: str | Path | None = None,
    learn: float | None = None,
    keep: Path | None = None,
    out: Path | None = None,
    masks: Path | None = None,
    soft: bool = False,
    steps: int | None = None,
    fps: float | None = None,
    raw: str | None = None,
    log: Path | None = None,
    mask: str = "responsibility",
    background: str = "overlay",
    threshold: float = 0.5,
    alpha: bool = False,
    audio: bool = True,
    serve: str | None = None,
    token: str | None = None,
    vcam: bool = False,
    display: bool = True,
    overwrite: bool = False,
    resume: bool = False,
    threads: int | None = None,
    seed: int = 0,
    engine: str = "onnxruntime",
    precision: str = "fp32",
    progress: Progress | None = None,
    learning: "LearnReport | None" = None,
    notice: Notice | None = None,
) -> RunReport:
    """Extracts the foreground of every frame of a source and writes or shows it.

    Videos and live sources are tracked: each frame starts from the last one's latents. Images each start from noise.

    Args:
        source: see ``open_source``.
        model: bundle folder; the sample's own for ``sample:NAME``, else the bundled ``scene``.
        learn: seconds in which a model of this source is learned first, see ``drc_runtime.pipeline.learn.learn``.
        keep: the folder for what is learned; None takes ``drc-learned/NAME``.
        out: a video (``.mp4``, ``.mov``, ``.webm``, ``.avi``) for videos and live sources; for images a ``.png`` or a
            folder of cut-outs.
            ``sample`` writes ``drc-sample.mp4`` into the current folder if neither ``out`` nor ``masks`` is given.
        masks: folder that gets one PNG for each frame.
        soft: masks keep the probability instead of 0 and 255.
        steps: Langevin steps for each frame. If None, as many as fit ``fps``, but no more than the bundle's own number.
        fps: frames a second that the steps are to leave room for; None takes a live source's own rate, and for others
            sets no limit. Measured once, on the first frame.
        raw: ``WIDTHxHEIGHT[@FPS]`` of rgb24 frames on standard input, for the source ``-``.
        log: a file that gets one line of JSON for each frame; added to if it exists.
        mask: ``responsibility`` (Eq. 7) or ``mixture`` (pi_f).
        background: see ``parse_background``; the path of a video, too, which is repeated.
        threshold: probability, above 0 and below 1, from which on a pixel is foreground.
        alpha: ``out`` keeps the foreground with its transparency: ProRes 4444 in ``.mov``, VP9 in ``.webm``, or a folder of
            PNG.
        audio: a video keeps the sound of the file that is read.
        serve: ``[HOST:]PORT`` of a page with the live view and the controls; without a host for this machine only.
        token: that the page asks for; None makes one where other machines reach the page.
        vcam: other programs see the result as a camera.
        display: allows a window. One is opened for live sources, and for others if no output is named.
        overwrite: allows existing outputs to be replaced.
        resume: goes on with a folder of images where an earlier run ended, see ``drc_runtime.pipeline.resume``.
        threads: of the network; all cores if None.
        seed: of the Langevin noise.
        engine: the backend, see ``drc_runtime.engines.ENGINES``.
        precision: ``fp32``, or ``fp16`` if the bundle has it.
        progress: called with the number of frames done and their total, if known, after each frame.
        learning: called with how far learning is.
        notice: called with a line, from any thread, when something changes: steps chosen, source lost, source back.

    Raises:
        KeyboardInterrupt: by Ctrl-C while a model is learned; after that, Ctrl-C ends the run in order.
        TrainingError, MissingDependencyError: there is nothing to learn from, or no package to learn with.
        UsageError: options contradict each other, or an output would replace something.
        SourceError: the source cannot be opened, or a video's decoder died of it.
        BundleError, EngineError: the model cannot be used.
        OutputError: a result cannot be written.
    """
    started = time.perf_counter()
    if steps is not None and steps < 1:
        raise UsageError(f"--steps {steps} is too few; use 1 or more")
    if fps is not None and not 0 < fps <= 1000:
        raise UsageError(f"--fps {fps:g} is no rate; use a number above 0, up to 1000")
    if not 0 < threshold < 1:
        raise UsageError(f"--threshold {threshold:g} is no probability; use a number between 0 and 1")
    if alpha and (out is None or background != "overlay"):
        raise UsageError("--alpha needs --out for the transparent foreground, and takes no --background")
    controls = Controls(Settings(threshold=threshold), view_names(background))
    if (learn is None and keep is not None) or (learn is not None and model is not None):
        raise UsageError(
            "--keep says where --learn keeps its model, and --learn makes its own: leave --keep or --model out"
        )
    bundle = _choose_bundle(source, model)
    with ExitStack() as stack:
        ending = stack.enter_context(Ending())
        records = stack.enter_context(closing(RunLog(log))) if log is not None else None
        told, notice = notice, _logged(notice, records)
        views = stack.enter_context(Views(background, controls))
        load = partial(_load_extractor, threads=threads, mask=mask, seed=seed, engine=engine, precision=precision)
        # The network loads while the source opens: both wait for other things than this interpreter.
        pool = stack.enter_context(ThreadPoolExecutor(1))
        loading = None if learn is not None else pool.submit(load, bundle)
        page = open_page(stack, serve, token)
        opened = stack.enter_context(open_source(source, raw=raw, notice=notice))
        watched = page is not None or vcam
        if watched and opened.rate is None:
            raise UsageError("--serve and --vcam show cameras, streams and videos; for images name --out or --masks")
        shown = display and (opened.live or (out is None and masks is None)) and display_available()
        if out is None and masks is None and not watched and _is_sample(source):
            out = Path(source.replace(":", "-").replace("sample", "drc-sample") + ".mp4")
        if out is None and masks is None and not shown and not watched:
            raise UsageError("nothing to write and no display to show it on; add --out PATH or --masks DIR")
        made_by: dict[str, object] = {
            "steps": steps,
            "mask": mask,
            "soft": soft,
            "threshold": threshold,
            "alpha": alpha,
            "seed": seed,
        }
        made_by |= {"background": background, "engine": engine, "precision": precision}
        job = open_job(opened, [path for path in (out, masks) if path is not None], bundle, made_by, resume)
        replaced = overwrite or resume
        check_outputs(opened, out=out, masks=masks, background=background, overwrite=replaced, alpha=alpha)
        report = RunReport()
        if learn is not None:
            opened, report.learned = _learn(opened, source, learn, keep, learning, notice, stack)
            loading = pool.submit(load, report.learned)
        assert loading is not None
        extractor = loading.result()
        dropped = opened.dropped
        meter = Meter(opened, records)
        health = Health(opened, report.failures)
        watching = watching_sinks(opened, views, controls, health, page, vcam=vcam, notice=told)
        sinks = open_sinks(opened, views, controls, out=out, masks=masks, soft=soft, alpha=alpha, audio=audio)
        if job is not None:
            job.begin()
        writer = stack.enter_context(BackgroundWriter([*sinks, *watching, meter, health]))
        window = None
        if shown:
            window = WindowSink(views.shown, controls, health.figures, rate=opened.rate, live=opened.live)
            stack.enter_context(window)
        choose = partial(extraction_method, opened, extractor, controls, steps, fps, notice)
        keep_time = watched and not opened.live and out is None and masks is None and window is None
        _process(opened, choose, controls, writer, window, report, started, progress, keep_time=keep_time)
        ending.raising = False
    report.frames = health.figures().frames  # Ctrl-C may have come between a frame and its count
    report.dropped, report.reconnects, report.state = opened.dropped - dropped, opened.reconnects, opened.state
    report.live, report.signal = opened.live, ending.received
    report.interrupted = report.interrupted or report.signal is not None
    report.age_p50, report.age_p95 = percentiles(meter.ages)
    report.failures += opened.failures
    report.skipped = opened.skipped
    report.outputs = [path for path in (out, masks) if path is not None and (report.frames or report.skipped)]
    report.seconds = time.perf_counter() - started
    return report


def _process(
    source: Source,
    choose: "Callable[[Frame], Callable[[Frame], Extraction]]",
    controls: Controls,
    writer: BackgroundWriter,
    window: WindowSink | None,
    report: RunReport,
    started: float,
    progress: Progress | None,
    *,
    keep_time: bool,
) -> None:
    """Runs until the source ends, the window is closed or Ctrl-C; the last two keep what is finished."""
    from drc_runtime.pipeline.loop import chosen_with_a_frame, frames_of, paced, tolerant, wait_while_paused

    chosen = chosen_with_a_frame(choose)
    several = source.live or (source.rate is None and source.count != 1)
    extract = tolerant(chosen, report.failures) if several else chosen
    milliseconds: deque[float] = deque(maxlen=FRAMES_KEPT)
    frames = frames_of(source)
    try:
        for frame in paced(frames) if keep_time else frames:
            if wait_while_paused(controls, window) and source.live:
                continue  # this one was taken before the pause
            if window is not None and window.closed:
                break
            begun = time.perf_counter()
            extraction = extract(frame)
            if extraction is None:
                continue
            ended = time.perf_counter()
            milliseconds.append((ended - begun) * 1000)
            writer.write(frame, extraction)
            if report.first_mask_seconds is None:
                report.first_mask_seconds = ended - started
            report.frames += 1
            report.steps = extraction.steps
            report.foreground_share += (extraction.foreground_share - report.foreground_share) / report.frames
            if progress is not None:
                progress(report.frames + source.skipped, source.count)
            if window is not None:
                window.write(frame, extraction)
                if window.closed:
                    break
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()
    report.milliseconds_p50, report.milliseconds_p95 = percentiles(milliseconds)


def _logged(notice: Notice | None, log: RunLog | None) -> Notice | None:
    """Notices that the log gets, too."""
    if log is None:
        return notice

    def both(line: str) -> None:
        log.write({"event": line})
        if notice is not None:
            notice(line)

    return both


def _learn(
    opened: Source,
    spec: str,
    seconds: float,
    keep: Path | None,
    report: "LearnReport | None",
    notice: Notice | None,
    stack: ExitStack,
) -> tuple[Source, Path]:
    """A model of the source, and the source to run it on: a file is opened anew, to be run from its beginning."""
    from drc_runtime.pipeline.learn import check_learning, default_folder, learn

    check_learning(opened, spec)
    frames = iter(opened)
    learned = learn(opened, frames, keep or default_folder(spec), seconds, report=report, notice=notice)
    if opened.live:
        return opened, learned
    opened.close()
    return stack.enter_context(open_source(spec, notice=notice)), learned


def _load_extractor(
    bundle: Path, *, threads: int | None, mask: str, seed: int, engine: str, precision: str
) -> "Extractor":
    # Imported here, in the loading thread, because onnxruntime takes a good part of the start-up time.
    from drc_runtime.inference.extractor import Extractor

    return Extractor(bundle, threads=threads, mask=mask, seed=seed, engine=engine, precision=precision)


def _is_sample(source: str) -> bool:
    return source.partition(":")[0] == "sample"


def _choose_bundle(source: str, model: str | Path | None) -> Path:
    if model is not None:
        return Path(model)
    return sample_bundle(source.partition(":")[2] or "scene") if _is_sample(source) else sample_bundle("scene")
