"""The ``drc info`` command, over ``drc_runtime.bundle.info.inspect_bundle``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drc_runtime.bundle.manifest import BACKENDS
from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows

if TYPE_CHECKING:
    from drc_runtime.bundle.info import BundleInfo, GraphInfo


def info(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A folder that drc export wrote.")],
    graph: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show one graph: inputs, outputs, operators, weights, backends."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what is in a bundle and whether it is intact; exit code 1 if it is not."""
    from drc_runtime.bundle.info import inspect_bundle

    report = inspect_bundle(bundle)
    if graph is not None:
        found = report.graph(graph)
        print_json(report.graph_to_dict(found)) if as_json else _print_graph(report, found)
        if found.problem:
            raise typer.Exit(1)
        return
    if as_json:
        print_json(report.to_dict())
    else:
        _print_info(report)
    if not report.intact:
        raise typer.Exit(1)


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
            *((f"metric {key}", value) for key, value in manifest.metrics.items() if key != BACKENDS),
        ]
    )
    for graph in report.graphs:
        print()
        print_rows(_rows(graph))

    if report.torchscript:
        print()
        print_rows(
            (f"torchscript {it.name}", f"{it.file}, {it.size:,} bytes, {it.problem or 'intact'}")
            for it in report.torchscript
        )


def _rows(graph: "GraphInfo") -> list[tuple[object, ...]]:
    return [
        (graph.name, f"{graph.entry.file}, {graph.size:,} bytes, {graph.problem or 'intact'}"),
        *((f"  in  {name}", list(shape)) for name, shape in graph.entry.inputs.items()),
        *((f"  out {name}", list(shape)) for name, shape in graph.entry.outputs.items()),
    ]


def _print_graph(report: "BundleInfo", graph: "GraphInfo") -> None:
    print_rows(_rows(graph))
    if graph.content is not None:
        operators, parameters = graph.content.operators, graph.content.parameters
        print_rows(
            [
                ("nodes", f"{sum(operators.values()):,}"),
                ("operators", ", ".join(f"{count} {name}" for name, count in operators.items())),
                ("weights", ", ".join(f"{count:,} {kind}" for kind, count in parameters.items()) or "none"),
            ]
        )
    backends = report.backends(graph.name)
    if backends is None:
        print_rows([("backends", "not recorded: an export of this version records them")])
    else:
        print_rows(
            [(f"backend {name}", "supports it" if ok else "does not support it") for name, ok in backends.items()]
        )
