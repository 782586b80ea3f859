"""The command ``drc compare``: thin over ``drc_export.compare.compare``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows

if TYPE_CHECKING:
    from drc_export.compare import Comparison


def compare(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run of drc train, or a preset with random weights.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a setting of a preset.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each backend.")] = 50,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: all cores.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the inputs and of random weights.")] = 0,
    as_json: Json = False,
) -> None:
    """Measure one posterior step by PyTorch, TorchScript, onnxruntime and, if installed, OpenVINO."""
    from drc_runtime.activity import Activity

    with Activity() as progress:
        progress("loading PyTorch")
        from drc_export.compare import compare as measure

        comparison = measure(
            model, overrides=overrides or (), rounds=rounds, threads=threads, seed=seed, progress=progress
        )
    if as_json:
        print_json(asdict(comparison))
    else:
        _print(comparison)


def _print(comparison: "Comparison") -> None:
    before, after = comparison.load
    size = comparison.image_size
    print_rows(
        [
            ("machine", f"{comparison.machine}, {comparison.threads} threads, load {before:.1f} to {after:.1f}"),
            ("step", f"{comparison.model}, {comparison.weights} weights, {size} x {size}, batch 1"),
            ("speed-up", f"onnxruntime is {comparison.speedup:.1f} times as fast as {comparison.contenders[0].name}"),
        ]
    )
    print()
    rows: list[tuple[Any, ...]] = [("milliseconds", "p50", "p95", "p99", "difference", "MiB")]
    for it in comparison.contenders:
        if it.latency is None:
            rows.append((it.name, "-", "-", "-", "-", it.problem))
            continue
        latency = (f"{value:.2f}" for value in (it.latency.p50, it.latency.p95, it.latency.p99))
        rows.append((it.name, *latency, f"{it.difference:.0e}", f"{it.memory:.0f}"))
    print_rows(rows)
