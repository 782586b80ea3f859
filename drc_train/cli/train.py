"""``drc train``: learns from unlabelled images."""

import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json


def train(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder of images, a video, or tm-dsprites[:N], scene[:N].")
    ],
    out: Annotated[
        Path, typer.Option(metavar="RUN", help="Folder of the run: checkpoints, TensorBoard, grids, report.html.")
    ],
    preset: Annotated[
        str | None,
        typer.Option(metavar="P", help="A preset or a YAML file. Default: static-camera for a video, else edge-64."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="paper|released", help="Settings over a preset of the paper: docs/paper.md. Default: paper."
        ),
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as train.batch_size=16; repeatable.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Stop at this iteration. Default: the preset's.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this many minutes of training.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Report the time of each part of an iteration first, and write a trace.")
    ] = False,
    student: Annotated[
        bool,
        typer.Option(
            "--student", help="Learn a one-pass student of the finished run in --out from a folder of images."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Learn to extract the foreground from unlabelled images. Ctrl-C saves and ends; --resume continues.

    Examples:
      drc train clip.mp4 --out runs/mine --minutes 20
      drc train images --out runs/mine --preset edge-64 --set train.batch_size=16
      drc train images --out runs/mine --resume --minutes 10
      drc train images --out runs/mine --student
    """
    from drc_runtime.errors import UsageError
    from drc_train.protocols import protocol_overrides
    from drc_train.training.loop import FIRST_CHECK
    from drc_train.training.train import Recipe, Reporting
    from drc_train.training.train import train as learn

    if protocol is not None and resume:
        raise UsageError(
            "--protocol has no effect with --resume, which continues with the run's own settings: leave it out"
        )
    if student:
        others = {
            "--preset": preset,
            "--protocol": protocol,
            "--set": override,
            "--iterations": iterations,
            "--resume": resume,
            "--skip-unreadable": skip_unreadable,
            "--profile": profile,
        }
        given = [name for name, value in others.items() if value]
        if given:
            raise UsageError(f"{given[0]} has no effect with --student, which learns from a finished run: leave it out")
        _student(source, out, minutes, as_json)
        return
    report = learn(
        source,
        out,
        recipe=Recipe(preset, (*protocol_overrides(protocol, preset), *(override or ()))),
        iterations=iterations,
        minutes=minutes,
        resume=resume,
        skip_unreadable=skip_unreadable,
        reporting=Reporting(profile=profile),
    )
    if os.environ.get("RANK", "0") != "0":
        return  # torchrun started several processes: only the first one prints
    if as_json:
        print_json({**asdict(report), "out": str(report.out)})
    else:
        how = "interrupted, saved at iteration" if report.interrupted else "iteration"
        print(f"{report.out}: {how} {report.iterations}, {report.seconds / 60:.1f} minutes of training")
        print(f"look: {report.out / 'report.html'}")
        following = ["train", source, "--out", str(report.out), "--resume"]
        if not report.interrupted:
            following = ["export", str(report.out), "--out", "BUNDLE"]
        print(f"next: drc {shlex.join(following)}")
        if minutes is not None and not report.interrupted and report.iterations < FIRST_CHECK:
            few = f"only {report.iterations} iterations; masks mean little before some {FIRST_CHECK}"
            print(f"{few}: continue with --resume --minutes")
    if report.collapsed:
        print(f"drc: {report.collapsed}", file=sys.stderr)
    if report.interrupted:
        raise typer.Exit(130)
    if report.collapsed:
        raise typer.Exit(1)


def _student(source: str, run: Path, minutes: float | None, as_json: bool) -> None:
    from drc_train.distillation.distil import make_student

    report = make_student(source, run, minutes=minutes)
    if as_json:
        print_json({**asdict(report), "path": str(report.path)})
    elif not report.interrupted:
        print(
            f"{report.path}: {report.steps} steps, {report.used} of {report.images} images, "
            f"{report.seconds / 60:.1f} minutes"
        )
        print(
            f"next: drc {shlex.join(['export', str(run), '--out', 'BUNDLE'])}, then drc run SOURCE --model BUNDLE --student"
        )
    if report.interrupted:
        raise typer.Exit(130)
