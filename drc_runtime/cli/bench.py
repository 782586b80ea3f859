"""The ``drc bench`` command: a thin shell over ``drc_runtime.bench.bench``, and over ``drc_export.compare.compare``."""

from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drc_runtime.cli.printing import print_json, print_rows
from drc_runtime.cli.run import EngineName, Json, Precision
from drc_runtime.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from drc_runtime.bench import BenchReport


def bench(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[BUNDLE]", help="Default: the bundled sample. With --compare: a run of drc train, or a preset."
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="One step by PyTorch, onnxruntime, TorchScript and what else is installed."),
    ] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="With --compare: changes a preset.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="With --compare: measurements of each.")] = 50,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network. Default: all cores.")] = None,
    engine: EngineName = "onnxruntime",
    precision: Precision = "fp32",
    as_json: Json = False,
) -> None:
    """Measure a bundle on this machine at 1280 x 720, beside OpenCV's background subtractors on the same frames."""
    if compare:
        if model is None:
            raise UsageError("MODEL is missing: drc bench --compare needs a run of drc train or a preset")
        comparison = _comparison(model, overrides=overrides or (), rounds=rounds, threads=threads)
        if as_json:
            print_json(asdict(comparison))
        else:
            _print_comparison(comparison)
        return
    from drc_runtime.bench import bench as measure

    report = measure(Path(model) if model else None, threads=threads, engine=engine, precision=precision)
    if as_json:
        print_json(asdict(report))
    else:
        _print_bench(report)


def _comparison(model: str, **options: Any) -> Any:
    # by name, because the runtime imports nothing of the packages above it, and only this needs PyTorch
    try:
        module = import_module("drc_export.compare")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("drc_"):
            raise
        raise MissingDependencyError(
            f'drc bench --compare needs the export packages ({error.name} is missing): pip install "drc[export]"'
        ) from error
    return module.compare(model, **options)


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


def _print_comparison(report: Any) -> None:
    before, after = report.load
    print_rows(
        [
            ("machine", f"{report.machine}, {report.threads} threads, load {before:.1f} before and {after:.1f} after"),
            ("step", f"{report.model}, {report.weights} weights, {report.image_size} x {report.image_size}, batch 1"),
            ("work", f"{report.flops / 1e6:.0f} MFLOP, {report.plain_flops / 1e6:.0f} with plain layers"),
            ("roofline", f"{report.roofline:.0%} of a matrix product's {report.matrix_gflops:.0f} GFLOP/s"),
            ("speed-up", f"{report.speedup:.1f} times plain autograd"),
        ]
    )
    print()
    rows: list[tuple[Any, ...]] = [("milliseconds", "p50", "p95", "p99", "difference", "MiB")]
    for it in report.contenders:
        if it.latency is None:
            rows.append((it.name, "-", "-", "-", "-", it.problem))
            continue
        latency = (f"{value:.2f}" for value in (it.latency.p50, it.latency.p95, it.latency.p99))
        rows.append((it.name, *latency, f"{it.difference:.0e}", f"{it.memory:.0f}"))
    print_rows(rows)
