"""The ``drc bench`` command, over ``drc_runtime.bench.bench``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drc_runtime.cli.options import EngineName, Json, Precision
from drc_runtime.cli.printing import print_json, print_rows

if TYPE_CHECKING:
    from drc_runtime.bench import BenchReport


def bench(
    bundle: Annotated[
        Path | None, typer.Argument(metavar="BUNDLE", help="A folder that drc export wrote. Default: the sample's.")
    ] = None,
    engine: EngineName = "onnxruntime",
    precision: Precision = "fp32",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of the network and of OpenCV: up to 4 a core. Default: all cores."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a bundle on this machine at 1280 x 720, beside OpenCV's background subtractors on the same frames."""
    from drc_runtime.activity import Activity
    from drc_runtime.bench import bench as measure

    with Activity() as progress:
        report = measure(bundle, threads=threads, engine=engine, precision=precision, progress=progress)
    if as_json:
        print_json(asdict(report))
    else:
        _print_bench(report)


def _print_bench(report: "BenchReport") -> None:
    height, width = report.frame_size
    print_rows(
        [
            ("machine", report.machine),
            ("bundle", f"{report.bundle}, {report.precision} on {report.engine}"),
            ("work", f"{report.track_steps} steps a frame, frames of {width} x {height}"),
        ]
    )
    print()
    print_rows(
        [
            ("milliseconds", "p50", "p95", "p99"),
            *((name, f"{it.p50:.2f}", f"{it.p95:.2f}", f"{it.p99:.2f}") for name, it in report.latencies.items()),
        ]
    )
