"""Exports the checkpoint of a run as a verified bundle (``drc export``)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from drc_export.compatibility import report
from drc_export.graphs import Graph, chosen_graphs
from drc_export.onnx import to_onnx, trace
from drc_export.precision import to_half
from drc_export.reference import Reference
from drc_export.threads import threads_for
from drc_export.torchscript import to_torchscript
from drc_export.verify import FLOAT16, Check, verify
from drc_runtime.activity import Report, silent
from drc_runtime.bundle.bundle import PRECISIONS, Bundle, check_bundle_folder, write_bundle
from drc_runtime.bundle.manifest import BACKENDS, HALF_PRECISION, INITIAL_LATENT, FileEntry, GraphEntry, Manifest
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.torchscript import TorchScriptEngine
from drc_runtime.errors import UsageError
from drc_runtime.inference.golden import record_golden
from drc_runtime.pipeline.fit_check import LOG_POSTERIOR
from drc_runtime.version import __version__
from drc_train.config import Config
from drc_train.model.regions import RegionModel
from drc_train.sampling.torch_engine import manifest_of
from drc_train.training.checkpoint import load_model
from drc_train.training.record import RunState


@dataclass(frozen=True)
class ExportReport:
    """What ``export`` wrote, and how exact it is."""

    bundle: Path
    bytes: dict[str, int]
    """Size of each graph's file, by name."""
    checks: list[Check]
    """Empty if not verified."""
    backends: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Graph -> backend -> what the backend does not support; an empty list means that it supports the graph."""


@dataclass(frozen=True)
class Contents:
    """What a bundle holds beside its manifest."""

    graphs: tuple[str, ...] | None = None
    """Names of ``drc_export.graphs``, or ``all``; None takes those that the runtime has a use for."""
    torchscript: bool = False
    """Whether the graphs are there as TorchScript, too."""
    precisions: tuple[str, ...] = ("fp32",)
    """``fp32``, and ``fp16`` to add graphs with float16 convolutions."""


def export(
    run: Path,
    bundle: Path,
    *,
    name: str | None = None,
    verified: bool = True,
    overwrite: bool = False,
    contents: Contents = Contents(),  # noqa: B008 - frozen
    progress: Report = silent,
) -> ExportReport:
    """Exports a run as a bundle folder, which is written only if its graphs agree with float64 autograd.

    Args:
        run: the ``--out`` folder of ``drc train``.
        bundle: the folder to write.
        name: in the manifest; None takes the folder's name.
        verified: whether to verify the graphs first.
        overwrite: replace an existing bundle.
        contents: graphs and formats.
        progress: called before each part of the work.

    Raises:
        UsageError: an unknown precision or graph, or no fp32 or ``posterior_step``.
        TrainingError: the run has no usable checkpoint.
        VerificationError: a graph is out of tolerance; nothing is written.
        OutputError: the bundle exists already or cannot be written.
    """
    _check_precisions(contents.precisions)
    check_bundle_folder(bundle, overwrite)
    model, config, state = load_model(run)
    functions = chosen_graphs(config, model.initialiser is not None, contents.graphs, model.student is not None)
    traced, files = {}, {}
    for number, graph in enumerate(functions):
        progress("exporting graphs", number, len(functions))
        traced[graph.name] = trace(graph, model)
        files[graph.name] = to_onnx(graph, traced[graph.name])
    halves = []
    for graph in functions if "fp16" in contents.precisions else []:
        half = to_half(files[graph.name])
        if half != files[graph.name]:  # prior_step has no convolutions
            halves.append(replace(graph, name=graph.name + HALF_PRECISION))
            files[halves[-1].name] = half
    if contents.torchscript:
        progress("exporting TorchScript")
    scripts = {graph.name: to_torchscript(graph, traced[graph.name]) for graph in functions if contents.torchscript}
    manifest = replace(
        _manifest(config, name or bundle.name, state, model if INITIAL_LATENT in files else None),
        graphs={
            graph.name: GraphEntry.of(f"{graph.name}.onnx", files[graph.name], graph.inputs, graph.shapes(model))
            for graph in [*functions, *halves]
        },
        torchscript={key: FileEntry.of(f"{key}.pt", data) for key, data in scripts.items()},
    )
    exact = OnnxRuntimeEngine(Bundle(bundle, manifest, files), threads=1)
    manifest = replace(manifest, golden=record_golden(exact, manifest))
    backends = {key: report(data) for key, data in files.items()}
    supported = {key: {name: not problems for name, problems in found.items()} for key, found in backends.items()}
    manifest = replace(manifest, metrics={BACKENDS: supported})
    checks: list[Check] = []
    if verified:
        exported = Bundle(bundle, manifest, files, scripts)
        checks = _verify(exported, Reference(model, traced), functions, halves, progress)
        step = next(check for check in checks if check.output == "z_next")
        manifest = replace(
            manifest,
            metrics={"gradient_error": step.error, "gradient_float32_error": step.float32_error} | manifest.metrics,
        )
    write_bundle(bundle, manifest, files, scripts, overwrite=overwrite)
    sizes = {key: len(data) for key, data in files.items()} | {f"{key}.pt": len(data) for key, data in scripts.items()}
    return ExportReport(bundle, sizes, checks, backends)


def _check_precisions(precisions: Sequence[str]) -> None:
    for precision in precisions:
        if precision not in PRECISIONS:
            raise UsageError(f"no precision {precision!r}: choose from {', '.join(PRECISIONS)}")
    if "fp32" not in precisions:
        raise UsageError("a bundle needs its fp32 graphs: give --precision fp32,fp16")


def _manifest(config: Config, name: str, state: RunState, model: RegionModel | None) -> Manifest:
    about, score = state.about, state.about.score
    return replace(
        manifest_of(config, name, model),
        training={
            "data": about.source,
            "preset": about.preset,
            "images": about.images,
            "iterations": state.iteration,
            "minutes": round(about.seconds / 60, 1),
            "seed": config.train.seed,
            "version": __version__,
            **(
                {LOG_POSTERIOR: round(score.mean / score.weight / config.model.image_size**2, 4)}
                if score.weight
                else {}
            ),
        },
    )


def _verify(
    bundle: Bundle, reference: Reference, functions: list[Graph], halves: list[Graph], progress: Report
) -> list[Check]:
    engine = OnnxRuntimeEngine(bundle)
    checks = []
    with threads_for(bundle.manifest.image_size[0]):
        for number, graph in enumerate(functions):
            progress("verifying graphs against float64", number, len(functions))
            checks += verify(engine, reference, [graph])
        if halves:
            progress("verifying the float16 graphs")
            checks += verify(engine, reference, halves, tolerance=FLOAT16)
        if bundle.manifest.torchscript:
            progress("verifying TorchScript")
            torchscript = TorchScriptEngine(bundle, torch.get_num_threads())
            checks += verify(torchscript, reference, functions, backend="TorchScript")
    return checks
