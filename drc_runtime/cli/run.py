"""The commands that need no training packages, each a thin shell over one public function."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from drc_runtime.cli.printing import plain, print_json, print_rows
from drc_runtime.errors import UsageError

if TYPE_CHECKING:
    from drc_runtime.bundle.info import BundleInfo
    from drc_runtime.pipeline.learn import LearnState
    from drc_runtime.pipeline.report import RunReport
    from drc_runtime.pipeline.run import Progress

EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt, or torchscript or tensorrt if exported so.",
    ),
]
Precision = Annotated[str, typer.Option(help="fp32, or fp16 if the bundle has it.")]
TERMINAL_EVERY, PLAIN_EVERY = 0.2, 30.0
"""Seconds between two lines about learning, on a terminal and elsewhere."""
Json = Annotated[bool, typer.Option("--json", help="Print one machine-readable object on stdout.")]


def run(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="webcam, webcam:1, /dev/video1, sample, an image, a folder, 'pics/*.jpg', a video, an rtsp/http URL, -.",
        ),
    ] = None,
    model: Annotated[Path | None, typer.Option(metavar="BUNDLE", help="Default: the bundled sample.")] = None,
    learn: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Learn a model of this very source first, all in TIME: 10m, 90s, 1h."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --learn: frames, run and bundles. Default: drc-learned/NAME."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Video (.mp4, .mov, .webm, .avi); for images a .png or a folder."),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write one PNG mask a frame: 0 background, 255 foreground.")
    ] = None,
    soft: Annotated[bool, typer.Option("--soft", help="Masks keep the probabilities.")] = False,
    steps: Annotated[
        int | None, typer.Option(help="Langevin steps a frame. Default: the bundle's own, or fewer if --fps wants so.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames a second to choose the steps for. Default: a live source's own.")
    ] = None,
    raw: Annotated[
        str | None, typer.Option(metavar="WxH[@FPS]", help="For SOURCE -: raw rgb24 frames instead of an image.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add one line of JSON a frame: steps, age, latencies, losses.")
    ] = None,
    list_sources: Annotated[bool, typer.Option("--list", help="Name the cameras and end.")] = False,
    mask: Annotated[
        Literal["responsibility", "mixture"], typer.Option(help="Posterior of the foreground, or the network's pi_f.")
    ] = "responsibility",
    background: Annotated[
        str, typer.Option(help="overlay, mask, side-by-side, blur, a colour name, #rrggbb, an image or a video.")
    ] = "overlay",
    threshold: Annotated[float, typer.Option(help="Probability from which on a pixel is foreground.")] = 0.5,
    alpha: Annotated[
        bool, typer.Option("--alpha", help="--out keeps the transparency: .mov, .webm or a folder of PNG.")
    ] = False,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Keep the sound of a file.")] = True,
    serve: Annotated[
        str | None,
        typer.Option(metavar="[HOST:]PORT", help="Serve a page with the live view; 8000: this machine only."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="DRC_TOKEN", show_envvar=True, help="Of the page. Default: made anew, if HOST is given."),
    ] = None,
    vcam: Annotated[bool, typer.Option("--vcam", help="Other programs see the result as a camera.")] = False,
    display: Annotated[bool, typer.Option("--display/--no-display", help="Allow a window.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a folder of images: what is complete is not done again.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network. Default: all cores.")] = None,
    seed: Annotated[int, typer.Option(help="Of the Langevin noise.")] = 0,
    engine: EngineName = "onnxruntime",
    precision: Precision = "fp32",
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A folder's masks on a Ray cluster: auto, ray://host:10001, or local."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Cut out the foreground of a camera, video, folder or image; exit code 1 if any item failed."""
    if list_sources:
        _print_cameras(as_json)
        return
    if source is None:
        raise UsageError("SOURCE is missing: webcam, sample, a path or an address; drc run --list names the cameras")
    if ray is not None:
        if masks is None:
            raise UsageError("--ray writes masks: add --masks DIR, which all machines see")
        others = {"--out": out, "--learn": learn, "--log": log, "--serve": serve, "--fps": fps, "--raw": raw}
        if any(value is not None for value in others.values()) or alpha or vcam or overwrite or threshold != 0.5:
            raise UsageError(
                "--ray goes with --model, --masks, --soft, --steps, --mask, --seed, --engine and --precision"
            )
        options = {"soft": soft, "steps": steps, "mask": mask, "seed": seed, "engine": engine, "precision": precision}
        _run_on_ray(source, ray, model, masks, options, as_json)
        return
    from drc_runtime.pipeline.run import run as run_source

    seconds = None
    if learn is not None:
        from drc_runtime.pipeline.learn import parse_duration

        seconds = parse_duration(learn)
    with _progress() as progress:
        report = run_source(
            source,
            model=model,
            learn=seconds,
            keep=keep,
            out=out,
            masks=masks,
            soft=soft,
            steps=steps,
            fps=fps,
            raw=raw,
            log=log,
            mask=mask,
            background=background,
            threshold=threshold,
            alpha=alpha,
            audio=audio,
            serve=serve,
            token=token if serve is not None else None,
            vcam=vcam,
            display=display,
            overwrite=overwrite,
            resume=resume,
            threads=threads,
            seed=seed,
            engine=engine,
            precision=precision,
            progress=progress,
            learning=_learning_line(),
            notice=_notice,
        )
    if as_json:
        learned = str(report.learned) if report.learned else None
        print_json({**asdict(report), "outputs": [str(path) for path in report.outputs], "learned": learned})
    else:
        _print_run(report)
    for failure in report.failures:
        print(f"drc: {plain(failure)}", file=sys.stderr)
    if report.interrupted and not report.live:  # a signal is how one ends a live source
        raise typer.Exit(128 + (report.signal or 2))
    if report.failures:
        raise typer.Exit(1)


def _run_on_ray(
    source: str, address: str, model: Path | None, masks: Path, options: dict[str, Any], as_json: bool
) -> None:
    from drc_runtime.pipeline.batch import run_on_ray
    from drc_runtime.samples import sample_bundle

    with _progress() as progress:
        report = run_on_ray(
            source, address=address, model=model or sample_bundle("scene"), masks=masks, progress=progress, **options
        )
    if as_json:
        print_json(asdict(report))
    else:
        print_rows(
            [
                ("items", str(report.items)),
                ("written", f"{report.written} into {masks}"),
                ("present", f"{report.present} that were there already"),
            ]
        )
    for failure in report.failures:
        print(f"drc: {plain(failure)}", file=sys.stderr)
    if report.failures:
        raise typer.Exit(1)


def info(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A folder that drc export wrote.")],
    as_json: Json = False,
) -> None:
    """Show what is in a bundle and whether it is intact; exit code 1 if it is not."""
    from drc_runtime.bundle.info import inspect_bundle

    report = inspect_bundle(bundle)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_info(report)
    if not report.intact:
        raise typer.Exit(1)


def doctor(as_json: Json = False) -> None:
    """Show what this machine can run and what clashes; exit code 1 if something that drc run needs is broken."""
    from drc_runtime.doctor import examine, is_healthy

    checks = examine()
    if as_json:
        print_json({"healthy": is_healthy(checks), "checks": [asdict(check) for check in checks]})
    else:
        print_rows((check.status, check.name, check.detail) for check in checks)
    if not is_healthy(checks):
        raise typer.Exit(1)


@contextmanager
def _progress() -> "Iterator[Progress | None]":
    """A progress line on stderr while a person is looking at it; otherwise nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(show_speed=True), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None)

    def show(done: int, total: int | None) -> None:
        bar.start()  # with the first frame: until then, the line belongs to learning
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        bar.stop()


def _learning_line() -> "Callable[[LearnState], None]":
    """How far learning is: one line that is written over on a terminal, elsewhere a line now and then."""
    terminal, phase, said = sys.stderr.isatty(), "", 0.0

    def show(state: "LearnState") -> None:
        nonlocal phase, said
        now = time.monotonic()
        if state.phase == phase and now - said < (TERMINAL_EVERY if terminal else PLAIN_EVERY):
            return
        start, end = ("\r\x1b[2K", "") if terminal else ("", "\n")
        print(f"{start}drc: {plain(str(state))}", end=end, file=sys.stderr, flush=True)
        phase, said = state.phase, now

    return show


def _notice(line: str) -> None:
    start = "\r\x1b[2K" if sys.stderr.isatty() else ""
    print(f"{start}drc: {plain(line)}", file=sys.stderr, flush=True)


def _print_cameras(as_json: bool) -> None:
    from drc_runtime.sources.list_cameras import list_cameras

    cameras = list_cameras()
    if as_json:
        print_json([camera._asdict() for camera in cameras])
    elif cameras:
        print_rows(cameras)
    else:
        print("no cameras found; connect one, or try: drc run sample")


def _print_run(report: "RunReport") -> None:
    speed = f", {report.frames / report.seconds:.1f} frames/s" if report.frames > 1 and report.seconds else ""
    rows = [("frames", f"{report.frames} in {report.seconds:.1f} s{speed}")]
    if report.skipped:
        rows.append(("skipped", f"{report.skipped} that an earlier run had done"))
    if report.dropped:
        rows.append(("dropped", f"{report.dropped} that came while another one was at work"))
    if report.reconnects:
        rows.append(("lost", f"and opened again {report.reconnects} times; {report.state} at the end"))
    if report.age_p50 is not None:
        rows.append(("age", f"{report.age_p50:.1f} ms from capture to output, p95 {report.age_p95:.1f} ms"))
    if report.frames:
        rows.append(("foreground", f"{report.foreground_share:.1%} of the image on average"))
    if report.first_mask_seconds is not None:
        rows.append(("first mask", f"after {report.first_mask_seconds:.2f} s"))
    if report.milliseconds_p50 is not None:
        latency = f"{report.milliseconds_p50:.1f} ms a frame, p95 {report.milliseconds_p95:.1f} ms"
        rows.append(("latency", f"{latency}, {report.steps} steps"))
    if report.learned is not None:
        rows.append(("learned", str(report.learned)))
    rows += [("written", str(path)) for path in report.outputs]
    print_rows(rows)


def _print_info(report: "BundleInfo") -> None:
    manifest = report.manifest
    sampler, latent = manifest.sampler, manifest.latent
    height, width = manifest.image_size
    print_rows(
        [
            ("name", manifest.name),
            ("image", f"{width} x {height}"),
            (
                "latent",
                f"{latent.foreground} foreground + {latent.background} background"
                f" + {latent.reassignment} re-assignment = {latent.total}",
            ),
            (
                "sampler",
                f"step size {sampler.step_size:g}, sigma {sampler.sigma:g},"
                f" {sampler.cold_steps} steps from noise, {sampler.track_steps} a frame when tracking",
            ),
            *((f"training {key}", value) for key, value in manifest.training.items()),
            *((f"metric {key}", value) for key, value in manifest.metrics.items()),
        ]
    )
    for graph in report.graphs:
        print()
        print_rows(
            [
                (graph.name, f"{graph.entry.file}, {graph.size:,} bytes, {graph.problem or 'intact'}"),
                *((f"  in  {name}", list(shape)) for name, shape in graph.entry.inputs.items()),
                *((f"  out {name}", list(shape)) for name, shape in graph.entry.outputs.items()),
            ]
        )

    if report.torchscript:
        print()
        print_rows(
            (f"torchscript {it.name}", f"{it.file}, {it.size:,} bytes, {it.problem or 'intact'}")
            for it in report.torchscript
        )
