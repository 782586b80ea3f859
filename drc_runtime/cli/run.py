"""The ``drc run`` command, over ``drc_runtime.pipeline.run.run``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drc_runtime.cli.options import (
    LEARNING,
    MODEL,
    OUTPUT,
    WATCHING,
    EngineName,
    FromNoise,
    Json,
    Mask,
    Model,
    Precision,
    Refine,
    Seed,
    Soft,
    Temperature,
    Threads,
    UseStudent,
)
from drc_runtime.cli.printing import print_json, print_problems, print_rows
from drc_runtime.cli.progress import reporting
from drc_runtime.errors import UsageError
from drc_runtime.pipeline.options import LearnOptions, ModelOptions, OutputOptions, WatchOptions, parse_duration

if TYPE_CHECKING:
    from drc_runtime.pipeline.report import RunReport


def run(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="webcam, webcam:1, /dev/video1, sample, an image, a folder, 'images/*.jpg', a video, an rtsp/http URL, -.",
        ),
    ] = None,
    model: Model = None,
    engine: EngineName = "onnxruntime",
    precision: Precision = "fp32",
    mask: Mask = "responsibility",
    steps: Annotated[
        int | None,
        typer.Option(
            help="Langevin steps per frame. Default: the bundle's, or fewer to keep up with --fps.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frame rate that the number of steps must keep up with. Default: a live source's own.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    threads: Threads = None,
    seed: Seed = None,
    temperature: Temperature = 0.0,
    from_noise: FromNoise = False,
    refine: Refine = None,
    student: UseStudent = False,
    adapt: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="What of a fixed camera's state may change: all, light, nothing. Default: all.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    absorb: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="A thing that stays so long before a fixed camera becomes background: 90s, 30m, never. Default: 30m.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Video (.mp4, .mov, .webm, .avi); for images a .png or a folder.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write one PNG mask per frame: 0 background, 255 foreground.", rich_help_panel=OUTPUT
        ),
    ] = None,
    soft: Soft = False,
    background: Annotated[
        str | None,
        typer.Option(
            help="overlay, mask, side-by-side, blur, a colour name, #rrggbb, an image or a video. Default: overlay.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="PROBABILITY",
            help="Pixels with at least this probability are foreground. Default: 0.5.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    alpha: Annotated[
        bool,
        typer.Option(
            "--alpha", help="--out keeps the transparency: .mov, .webm or a folder of PNG.", rich_help_panel=OUTPUT
        ),
    ] = False,
    audio: Annotated[
        bool | None,
        typer.Option(
            "--audio/--no-audio", help="Copy the sound of a video file. Default: copy it.", rich_help_panel=OUTPUT
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Append one JSON line per frame: steps, age, latencies.", rich_help_panel=OUTPUT
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Append one JSON line when something enters, stands, moves on or leaves: time, box, share.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    boxes: Annotated[
        bool, typer.Option("--boxes", help="Draw a box around each thing in the overlay.", rich_help_panel=OUTPUT)
    ] = False,
    uncertainty: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write one PNG per image: where its mask is not sure, 0 to 255.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.", rich_help_panel=OUTPUT)
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue a folder of images: skip what is complete.", rich_help_panel=OUTPUT),
    ] = False,
    serve: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Serve a page with the live view; without HOST for this machine only.",
            rich_help_panel=WATCHING,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="DRC_TOKEN",
            show_envvar=True,
            help="Access token for --serve. Default: random unless HOST is loopback.",
            rich_help_panel=WATCHING,
        ),
    ] = None,
    vcam: Annotated[
        bool,
        typer.Option("--vcam", help="Show the result as a camera to other programs.", rich_help_panel=WATCHING),
    ] = False,
    display: Annotated[
        bool, typer.Option("--display/--no-display", help="Allow a window.", rich_help_panel=WATCHING)
    ] = True,
    learn: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Learn a model of this source within TIME: 90s, 10m, 1h; of a camera or a stream while it runs.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for what --learn records and learns. Default: drc-learned/NAME.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    raw: Annotated[
        str | None, typer.Option(metavar="WxH[@FPS]", help="SOURCE - sends raw rgb24 frames instead of an image.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cut out the foreground of a camera, video, folder or image; exit code 1 if any item failed.

    Examples:
      drc run webcam                                        any fixed camera, from the first second
      drc run sample --out scene.mp4                        bundled clip and model
      drc run photo.jpg --model mine --out cut-out.png      RGBA
      drc run clip.mp4 --model mine --alpha --out cut.mov   transparent, with sound
      drc run images --model mine --masks masks --resume    skips what is complete
      drc run clip.mp4 --model mine --student --masks masks one pass a frame
      drc run webcam --learn 10m --serve 8000               and learns this camera meanwhile
    """
    if source is None:
        raise UsageError("SOURCE is missing: webcam, sample, a path or an address; drc cameras lists the cameras")
    if serve is None and _from_environment(context, "token"):
        token = None  # DRC_TOKEN is set for every run; only a token that was typed needs --serve
    # Loaded after the checks above, because OpenCV takes most of the start-up time.
    from drc_runtime.pipeline.run import run as run_source

    with reporting() as callbacks:
        report = run_source(
            source,
            model=ModelOptions(
                model,
                engine,
                precision,
                mask,
                steps=steps,
                rate=fps,
                threads=threads,
                seed=seed,
                temperature=temperature,
                from_noise=from_noise,
                refine=refine,
                student=student,
                adapt=adapt,
                absorb=absorb,
            ),
            outputs=OutputOptions(
                out,
                masks,
                soft,
                alpha,
                audio,
                background,
                threshold,
                log,
                overwrite=overwrite,
                resume=resume,
                events=events,
                boxes=boxes,
                uncertainty=uncertainty,
            ),
            watch=WatchOptions(serve=serve, token=token, vcam=vcam, display=display),
            learn=_learn_options(learn, keep),
            raw=raw,
            callbacks=callbacks,
        )
    if as_json:
        print_json(asdict(report))
    else:
        _print_run(report)
    print_problems(report.failures)
    if report.interrupted and not report.live:  # a live source always ends by a signal
        raise typer.Exit(128 + (report.signal or 2))
    if report.failures:
        raise typer.Exit(1)


def _from_environment(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "ENVIRONMENT"


def _learn_options(learn: str | None, keep: Path | None) -> LearnOptions | None:
    if learn is None:
        if keep is not None:
            raise UsageError("--keep names the folder of --learn: add --learn TIME, or leave --keep out")
        return None
    return LearnOptions(parse_duration(learn), keep)


def _print_run(report: "RunReport") -> None:
    speed = f", {report.frames / report.seconds:.1f} frames/s" if report.frames > 1 and report.seconds else ""
    rows = [("frames", f"{report.frames} in {report.seconds:.1f} s{speed}")]
    if report.skipped:
        rows.append(("skipped", f"{report.skipped} that an earlier run completed"))
    if report.dropped:
        rows.append(("dropped", f"{report.dropped} that arrived while another frame was processed"))
    if report.reconnects:
        rows.append(("reconnects", f"{report.reconnects}; {report.state} at the end"))
    if report.age_p50 is not None:
        rows.append(("age", f"{report.age_p50:.1f} ms from capture to output, p95 {report.age_p95:.1f} ms"))
    if report.frames:
        rows.append(("foreground", f"{report.foreground_share:.1%} of the image on average"))
    if report.first_mask_seconds is not None:
        rows.append(("first mask", f"after {report.first_mask_seconds:.2f} s"))
    if report.milliseconds_p50 is not None:
        latency = f"{report.milliseconds_p50:.1f} ms a frame, p95 {report.milliseconds_p95:.1f} ms"
        rows.append(("latency", f"{latency}, {report.steps} steps a frame" if report.steps else latency))
    if report.learned is not None:
        rows.append(("learned", str(report.learned)))
    rows += [("written", str(path)) for path in report.outputs]
    print_rows(rows)
