"""A source through the model to its outputs: the function behind ``drc run``."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drc_runtime.compose import parse_background
from drc_runtime.errors import UsageError
from drc_runtime.samples import sample_bundle
from drc_runtime.video.frame import Frame, Source
from drc_runtime.video.outputs import check_outputs, open_sinks
from drc_runtime.video.sources import open_source
from drc_runtime.video.window import WindowSink, display_available
from drc_runtime.video.writer import BackgroundWriter

if TYPE_CHECKING:
    from drc_runtime.extractor import Extraction, Extractor

Progress = Callable[[int, int | None], None]
FRAMES_TIMED = 10_000  # the latest ones: a run may go on for weeks


@dataclass
class RunReport:
    """What a run did.

    Attributes:
        frames: frames for which there is a mask.
        failures: one line for each item that could not be read; not empty means that the run failed in part.
        dropped: frames of a live source that came while an earlier one was at work.
        outputs: files and folders that were written.
        interrupted: ended by Ctrl-C; what was finished is kept.
        seconds: from the call to the end.
        steps: Langevin steps spent on the last frame.
        first_mask_seconds: from the call to the first mask, loading included; None without frames.
        milliseconds_p50, milliseconds_p95: from a frame to its mask, over the last ``FRAMES_TIMED`` frames.
        foreground_share: mean share of foreground pixels, in [0, 1].
    """

    frames: int = 0
    failures: list[str] = field(default_factory=list)
    dropped: int = 0
    outputs: list[Path] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0
    steps: int = 0
    first_mask_seconds: float | None = None
    milliseconds_p50: float | None = None
    milliseconds_p95: float | None = None
    foreground_share: float = 0.0


def run(
    source: str,
    *,
    model: str | Path | None = None,
    out: Path | None = None,
    masks: Path | None = None,
    soft: bool = False,
    steps: int | None = None,
    mask: str = "responsibility",
    background: str = "overlay",
    display: bool = True,
    overwrite: bool = False,
    threads: int | None = None,
    seed: int = 0,
    engine: str = "onnxruntime",
    precision: str = "fp32",
    progress: Progress | None = None,
) -> RunReport:
    """Extracts the foreground of every frame of a source and writes or shows it.

    Videos and live sources are tracked: each frame starts from the last one's latents. Pictures each start from noise.

    Args:
        source: see ``open_source``.
        model: bundle folder; the sample's own for ``sample:NAME``, else the bundled ``scene``.
        out: a video (``.mp4``, ``.avi``) for videos and live sources; for pictures a ``.png`` or a folder of cut-outs.
            ``sample`` writes ``drc-sample.mp4`` into the current folder if neither ``out`` nor ``masks`` is given.
        masks: folder that gets one PNG for each frame.
        soft: masks keep the probability instead of 0 and 255.
        steps: Langevin steps for each frame; the bundle's own numbers if None.
        mask: ``responsibility`` (Eq. 7) or ``mixture`` (pi_f).
        background: see ``parse_background``.
        display: allows a window. One is opened for live sources, and for others if no output is named.
        overwrite: allows existing outputs to be replaced.
        threads: of the network; all cores if None.
        seed: of the Langevin noise.
        engine: the backend, see ``drc_runtime.engines.ENGINES``.
        precision: ``fp32``, or ``fp16`` if the bundle has it.
        progress: called with the number of frames done and their total, if known, after each frame.

    Raises:
        UsageError: options contradict each other, or an output would replace something.
        SourceError: the source cannot be opened, or a video's decoder died of it.
        BundleError, EngineError: the model cannot be used.
        OutputError: a result cannot be written.
    """
    started = time.perf_counter()
    if steps is not None and steps < 1:
        raise UsageError(f"--steps {steps} is too few; use 1 or more")
    compose = parse_background(background)
    bundle = _choose_bundle(source, model)
    with ExitStack() as stack:
        # The network loads while the source opens: both wait for other things than this interpreter.
        pool = stack.enter_context(ThreadPoolExecutor(1))
        loading = pool.submit(
            _load_extractor, bundle, threads=threads, mask=mask, seed=seed, engine=engine, precision=precision
        )
        opened = stack.enter_context(open_source(source))
        shown = display and (opened.live or (out is None and masks is None)) and display_available()
        if out is None and masks is None and _is_sample(source):
            out = Path(source.replace(":", "-").replace("sample", "drc-sample") + ".mp4")
        if out is None and masks is None and not shown:
            raise UsageError("nothing to write and no display to show it on; add --out PATH or --masks DIR")
        check_outputs(opened, out=out, masks=masks, background=background, overwrite=overwrite)
        extractor = loading.result()
        report = RunReport()
        writer = stack.enter_context(
            BackgroundWriter(open_sinks(opened, out=out, masks=masks, soft=soft, background=compose))
        )
        window = WindowSink(compose, rate=opened.rate, live=opened.live) if shown else None
        if window is not None:
            stack.enter_context(window)
        _process(opened, extractor, writer, window, steps, report, started, progress)
    report.dropped = opened.dropped
    report.failures = opened.failures
    report.outputs = [path for path in (out, masks) if path is not None and report.frames]
    report.seconds = time.perf_counter() - started
    return report


def _process(
    source: Source,
    extractor: "Extractor",
    writer: BackgroundWriter,
    window: WindowSink | None,
    steps: int | None,
    report: RunReport,
    started: float,
    progress: Progress | None,
) -> None:
    """Runs until the source ends, the window is closed or Ctrl-C; the last two keep what is finished."""
    extract = _extraction_method(source, extractor, steps)
    milliseconds: deque[float] = deque(maxlen=FRAMES_TIMED)
    try:
        for frame in source:
            begun = time.perf_counter()
            extraction = extract(frame)
            ended = time.perf_counter()
            milliseconds.append((ended - begun) * 1000)
            writer.write(frame, extraction)
            if report.first_mask_seconds is None:
                report.first_mask_seconds = ended - started
            report.frames += 1
            report.steps = extraction.steps
            report.foreground_share += (extraction.foreground_share - report.foreground_share) / report.frames
            if progress is not None:
                progress(report.frames, source.count)
            if window is not None:
                window.write(frame, extraction)
                if window.closed:
                    break
    except KeyboardInterrupt:
        report.interrupted = True
    if milliseconds:
        p50, p95 = np.percentile(milliseconds, [50, 95])
        report.milliseconds_p50, report.milliseconds_p95 = float(p50), float(p95)


def _extraction_method(source: Source, extractor: "Extractor", steps: int | None) -> Callable[[Frame], "Extraction"]:
    if source.rate is None:
        return lambda frame: extractor.extract(frame.picture, steps=steps)
    track = extractor.track(steps=steps)
    return lambda frame: track.step(frame.picture)


def _load_extractor(
    bundle: Path, *, threads: int | None, mask: str, seed: int, engine: str, precision: str
) -> "Extractor":
    # Imported here, in the loading thread, because onnxruntime takes a good part of the start-up time.
    from drc_runtime.extractor import Extractor

    return Extractor(bundle, threads=threads, mask=mask, seed=seed, engine=engine, precision=precision)


def _is_sample(source: str) -> bool:
    return source.partition(":")[0] == "sample"


def _choose_bundle(source: str, model: str | Path | None) -> Path:
    if model is not None:
        return Path(model)
    return sample_bundle(source.partition(":")[2] or "scene") if _is_sample(source) else sample_bundle("scene")
