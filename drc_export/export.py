"""``drc export``: from a run's checkpoint to a verified bundle."""

from dataclasses import dataclass, replace
from pathlib import Path

from drc_export.onnx import to_onnx
from drc_export.posterior import graphs
from drc_export.verify import Check, verify
from drc_runtime import __version__
from drc_runtime.bundle import Bundle, GraphEntry, write_bundle
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.errors import OutputError
from drc_train.checkpoint import load_model
from drc_train.engine import manifest_of


@dataclass(frozen=True)
class ExportReport:
    """What ``export`` wrote and how exact it is."""

    bundle: Path
    bytes: dict[str, int]
    """Size of each graph's file."""
    checks: list[Check]
    """Empty where verification was turned off."""


def export(
    run: Path, bundle: Path, *, name: str | None = None, verified: bool = True, overwrite: bool = False
) -> ExportReport:
    """Exports a run as a bundle folder; it appears only after its graphs agree with float64 autograd.

    Args:
        run: the ``--out`` folder of ``drc train``.
        bundle: the folder to make.
        name: the bundle's name; None takes the folder's.
        verified: whether to verify the graphs on fresh inputs first.
        overwrite: replace a bundle that exists.

    Raises:
        TrainingError: the run has no usable checkpoint.
        VerificationError: a graph is out of tolerance; nothing was written.
        OutputError: the bundle exists already or cannot be written.
    """
    if bundle.exists() and not overwrite:
        raise OutputError(f"{bundle} exists already: give another --out, or --overwrite to replace it")
    model, config, state = load_model(run)
    functions = graphs(config)
    files = {graph.name: to_onnx(graph, model) for graph in functions}
    entries = {}
    for graph in functions:
        entries[graph.name] = GraphEntry.of(f"{graph.name}.onnx", files[graph.name], graph.inputs, graph.shapes(model))
    manifest = replace(
        manifest_of(config, name or bundle.name),
        graphs=entries,
        training={
            "data": str(state["about"]["source"]),
            "preset": str(state["about"]["preset"]),
            "pictures": int(state["about"]["pictures"]),
            "iterations": int(state["iteration"]),
            "minutes": round(float(state["about"]["seconds"]) / 60, 1),
            "seed": config.train.seed,
            "version": __version__,
        },
    )
    checks: list[Check] = []
    if verified:
        engine = OnnxRuntimeEngine(Bundle(bundle, manifest, files))
        checks = verify(engine, model, functions)
        step = next(check for check in checks if check.output == "z_next")
        manifest = replace(
            manifest, metrics={"gradient_error": step.error, "gradient_float32_error": step.float32_error}
        )
    write_bundle(bundle, manifest, files, overwrite=overwrite)
    return ExportReport(bundle, {key: len(data) for key, data in files.items()}, checks)
