"""The command ``drc export``: thin over ``drc_export.bundle.export`` and ``drc_export.tensorrt.build_engines``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows
from drc_runtime.errors import UsageError

if TYPE_CHECKING:
    from drc_export.bundle import ExportReport
    from drc_export.tensorrt import BuiltEngine


def export(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="The --out folder of drc train; with --trt and no --out, a bundle."),
    ],
    out: Annotated[Path | None, typer.Option(metavar="BUNDLE", help="The bundle folder to write.")] = None,
    name: Annotated[str | None, typer.Option(help="Name in the manifest. Default: the folder's.")] = None,
    torchscript: Annotated[
        bool, typer.Option("--torchscript", help="Add the graphs as TorchScript, for libtorch and PyTorch.")
    ] = False,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="fp32, or fp32,fp16 to add graphs with float16 convolutions.", show_default="fp32"
        ),
    ] = None,
    graphs: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Graphs, or all. Default: those that the runtime has a use for."),
    ] = None,
    trt: Annotated[
        bool, typer.Option("--trt", help="Build TensorRT engines for this machine's GPU into the bundle.")
    ] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Skip the comparison with float64 autograd, and of engines with ONNX.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing bundle.")] = False,
    details: Annotated[
        bool, typer.Option("--details", help="Print the error of each output and what each backend supports.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Export a run as a bundle: ONNX graphs that contain the gradient, verified against float64 autograd."""
    if (run / MANIFEST).is_file():
        only_for_runs = {"--out": out, "--name": name, "--torchscript": torchscript, "--precision": precision}
        only_for_runs["--graphs"] = graphs
        only_for_runs |= {"--overwrite": overwrite, "--details": details}
        _refuse_for_bundle(run, trt, [option for option, value in only_for_runs.items() if value])
        engines = _build_engines(run, verified=not no_verify)
        if as_json:
            print_json({"bundle": str(run), "engines": [_plain(engine) for engine in engines]})
        else:
            _print_engines(engines)
            _print_next(run, trt)
        return
    if out is None:
        raise UsageError("--out is missing: name the bundle folder to write")
    if as_json and details:
        raise UsageError("--details has no effect with --json, which prints everything: leave it out")
    report = _export(
        run,
        out,
        name=name,
        verified=not no_verify,
        overwrite=overwrite,
        contents=(
            tuple(graphs.split(",")) if graphs is not None else None,
            torchscript,
            tuple((precision or "fp32").split(",")),
        ),
    )
    if not as_json:
        _print_report(report, details)
    engines = _build_engines(out, verified=not no_verify) if trt else []
    if as_json:
        print_json(_values(report) | {"engines": [_plain(engine) for engine in engines]})
    else:
        _print_engines(engines)
        _print_next(out, trt)


def _refuse_for_bundle(bundle: Path, trt: bool, given: list[str]) -> None:
    if not trt or given == ["--out"]:
        raise UsageError(
            f"{bundle} is a bundle already, to be run with: drc run SOURCE --model {bundle}; export takes a run of drc train. "
            f"What can be added to a bundle are TensorRT engines, with --trt and without --out"
        )
    if given:
        raise UsageError(f"{given[0]} has no effect on a bundle that exists: leave it out, or export the run again")


def _export(run: Path, out: Path, contents: tuple[Any, ...], **options: Any) -> "ExportReport":
    from drc_runtime.activity import Activity

    with Activity() as progress:
        progress("loading PyTorch")
        from drc_export.bundle import Contents
        from drc_export.bundle import export as export_run

        return export_run(run, out, contents=Contents(*contents), progress=progress, **options)


def _build_engines(bundle: Path, *, verified: bool) -> "list[BuiltEngine]":
    from drc_export.tensorrt import build_engines
    from drc_runtime.activity import Activity

    with Activity() as progress:
        return build_engines(
            bundle, verified=verified, progress=lambda text: progress(f"building TensorRT engines: {text}")
        )


def _print_report(report: "ExportReport", details: bool) -> None:
    if details:
        _print_checks(report)
        _print_backends(report)
    size = sum(report.bytes.values()) / 1e6
    verified = "verified against float64 autograd" if report.checks else "not verified"
    print(f"{report.bundle}: {len(report.bytes)} files, {size:.1f} MB, {verified}")


def _print_checks(report: "ExportReport") -> None:
    rows = [("backend", "graph", "output", "relative error", "float32 autograd's", "1 - cosine")]
    for check in report.checks:
        errors = f"{check.error:.1e}", f"{check.float32_error:.1e}", f"{1 - check.cosine:.1e}"
        rows.append((check.backend, check.graph, check.output, *errors))
    if report.checks:
        print_rows(rows)
        print()


def _print_backends(report: "ExportReport") -> None:
    rows = [("backend, by its documentation", "supports", "does not support")]
    for backend in next(iter(report.backends.values())):
        problems = {graph: found[backend] for graph, found in report.backends.items()}
        supported = ", ".join(graph for graph, found in problems.items() if not found)
        refused = "; ".join(_refusal(graph, found) for graph, found in problems.items() if found)
        rows.append((backend, supported, refused))
    print_rows(rows)
    print()


def _refusal(graph: str, problems: list[str]) -> str:
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{graph}: {problems[0]}{more}"


def _print_engines(engines: "list[BuiltEngine]") -> None:
    for engine in engines:
        print(f"{engine.file}: {engine.bytes / 1e6:.1f} MB, built in {engine.seconds:.0f} s")


def _print_next(bundle: Path, trt: bool) -> None:
    print(f"next: drc run SOURCE --model {bundle}{' --engine tensorrt' if trt else ''}")


def _values(report: "ExportReport") -> dict[str, Any]:
    # JSON has no infinity, which one of the tolerances is.
    checks = [{key: value for key, value in asdict(check).items() if key != "tolerance"} for check in report.checks]
    return {"bundle": str(report.bundle), "bytes": report.bytes, "checks": checks, "backends": report.backends}


def _plain(engine: "BuiltEngine") -> dict[str, object]:
    return {**asdict(engine), "file": str(engine.file)}
