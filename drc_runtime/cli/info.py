"""The ``drc info`` command, over ``drc_runtime.bundle.info.inspect_bundle``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows

if TYPE_CHECKING:
    from drc_runtime.bundle.info import BundleInfo


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
