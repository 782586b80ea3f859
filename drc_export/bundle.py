"""``drc export``: from a run's checkpoint to a verified bundle."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from drc_export.compatibility import report
from drc_export.graphs import Graph, graphs
from drc_export.onnx import to_onnx
from drc_export.precision import to_half
from drc_export.reference import Reference
from drc_export.threads import threads_for
from drc_export.torchscript import to_torchscript
from drc_export.verify import FLOAT16, Check, verify
from drc_runtime import __version__
from drc_runtime.bundle.bundle import PRECISIONS, Bundle, write_bundle
from drc_runtime.bundle.manifest import HALF_PRECISION, FileEntry, GraphEntry, Manifest
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.torchscript import TorchScriptEngine
from drc_runtime.errors import OutputError, UsageError
from drc_train.config import Config
from drc_train.model.regions import RegionModel
from drc_train.sampling.torch_engine import manifest_of
from drc_train.training.checkpoint import load_model


@dataclass(frozen=True)
class ExportReport:
    """What ``export`` wrote and how exact it is."""

    bundle: Path
    bytes: dict[str, int]
    """Size of each graph's file."""
    checks: list[Check]
    """Empty where verification was turned off."""
    backends: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """For each graph, what each backend cannot take of it; an empty list means that it can take the graph."""


def export(
    run: Path,
    bundle: Path,
    *,
    name: str | None = None,
    verified: bool = True,
    overwrite: bool = False,
    torchscript: bool = False,
    precisions: Sequence[str] = ("fp32",),
) -> ExportReport:
    """Exports a run as a bundle folder; it appears only after its graphs agree with float64 autograd.

    Args:
        run: the ``--out`` folder of ``drc train``.
        bundle: the folder to make.
        name: the bundle's name; None takes the folder's.
        verified: whether to verify the graphs on fresh inputs first.
        overwrite: replace a bundle that exists.
        torchscript: add the same functions as TorchScript.
        precisions: ``fp32``, and ``fp16`` to add graphs with their convolutions in float16.

    Raises:
        UsageError: a precision that there is not, or no fp32.
        TrainingError: the run has no usable checkpoint.
        VerificationError: a graph is out of tolerance; nothing was written.
        OutputError: the bundle exists already or cannot be written.
    """
    _check_precisions(precisions)
    if bundle.exists() and not overwrite:
        raise OutputError(f"{bundle} exists already: give another --out, or --overwrite to replace it")
    model, config, state = load_model(run)
    functions = graphs(config)
    files = {graph.name: to_onnx(graph, model) for graph in functions}
    halves = []
    for graph in functions if "fp16" in precisions else []:
        half = to_half(files[graph.name])
        if half != files[graph.name]:  # the prior has nothing that float16 would be used for
            halves.append(replace(graph, name=graph.name + HALF_PRECISION))
            files[halves[-1].name] = half
    scripts = {graph.name: to_torchscript(graph, model) for graph in functions if torchscript}
    manifest = replace(
        _manifest(config, name or bundle.name, state),
        graphs={
            graph.name: GraphEntry.of(f"{graph.name}.onnx", files[graph.name], graph.inputs, graph.shapes(model))
            for graph in [*functions, *halves]
        },
        torchscript={key: FileEntry.of(f"{key}.pt", data) for key, data in scripts.items()},
    )
    checks: list[Check] = []
    if verified:
        checks = _verify(Bundle(bundle, manifest, files, scripts), model, functions, halves)
        step = next(check for check in checks if check.output == "z_next")
        manifest = replace(
            manifest, metrics={"gradient_error": step.error, "gradient_float32_error": step.float32_error}
        )
    write_bundle(bundle, manifest, files, scripts, overwrite=overwrite)
    sizes = {key: len(data) for key, data in files.items()} | {f"{key}.pt": len(data) for key, data in scripts.items()}
    return ExportReport(bundle, sizes, checks, {key: report(data) for key, data in files.items()})


def _check_precisions(precisions: Sequence[str]) -> None:
    for precision in precisions:
        if precision not in PRECISIONS:
            raise UsageError(f"no precision {precision!r}: choose from {', '.join(PRECISIONS)}")
    if "fp32" not in precisions:
        raise UsageError(
            "every bundle has fp32 graphs, which fp16 ones are checked against: give --precision fp32,fp16"
        )


def _manifest(config: Config, name: str, state: dict[str, Any]) -> Manifest:
    about = state["about"]
    return replace(
        manifest_of(config, name),
        training={
            "data": str(about["source"]),
            "preset": str(about["preset"]),
            "images": int(about["images"]),
            "iterations": int(state["iteration"]),
            "minutes": round(float(about["seconds"]) / 60, 1),
            "seed": config.train.seed,
            "version": __version__,
        },
    )


def _verify(bundle: Bundle, model: RegionModel, functions: list[Graph], halves: list[Graph]) -> list[Check]:
    engine, reference = OnnxRuntimeEngine(bundle), Reference(model)
    with threads_for(model.config.image_size):
        checks = verify(engine, reference, functions)
        checks += verify(engine, reference, halves, tolerance=FLOAT16)
        if bundle.manifest.torchscript:
            checks += verify(
                TorchScriptEngine(bundle, torch.get_num_threads()), reference, functions, backend="TorchScript"
            )
    return checks
