"""One posterior step of the sample's bundle on each provider for a GPU, beside the same step on the processor."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from drc_export.tensorrt import build_engines
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines import load_engine
from drc_runtime.engines.protocol import BoundGraph
from drc_runtime.errors import DRCError
from drc_runtime.samples import sample_bundle

PROVIDERS = ("onnxruntime-cuda", "onnxruntime-tensorrt", "tensorrt")
TIMED = 20
GRAPH = "posterior_step"


def fill(bound: BoundGraph, seed: int) -> None:
    random = np.random.default_rng(seed)
    for name, buffer in bound.inputs.items():
        buffer[:] = random.uniform(-1, 1, buffer.shape) if name == "image" else random.standard_normal(buffer.shape)


@contextmanager
def bundle_for(provider: str) -> Iterator[Bundle]:
    """The sample's bundle; for TensorRT a copy into which engines are built and verified, and which is removed again.

    Raises:
        DRCError: no engine can be built here.
    """
    if provider != "tensorrt":
        yield Bundle.load(sample_bundle("sprites"))
        return
    with tempfile.TemporaryDirectory() as place, own_records(Path(place)):
        folder = Path(shutil.copytree(sample_bundle("sprites"), Path(place) / "bundle"))
        build_engines(folder)
        yield Bundle.load(folder)


@contextmanager
def own_records(place: Path) -> Iterator[None]:
    """Keeps the records of these engines out of the user's state folder."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(place)
    try:
        yield
    finally:
        del os.environ["XDG_STATE_HOME"]
        if before is not None:
            os.environ["XDG_STATE_HOME"] = before


def golden_steps(not_tried: list[str]) -> dict[str, dict[str, float]]:
    """For each provider the error of the step relative to the processor's, its cosine, and milliseconds.

    Two inputs are run after each other, so that a provider which keeps the first one's buffers is found out.

    Args:
        not_tried: gets a line for each provider that cannot be run here, with the reason.
    """
    reference = load_engine("onnxruntime", Bundle.load(sample_bundle("sprites"))).bind(GRAPH, ("z_next", "mask"))
    found: dict[str, dict[str, float]] = {}
    for name in PROVIDERS:
        try:
            begun = time.perf_counter()
            with bundle_for(name) as bundle:
                bound = load_engine(name, bundle).bind(GRAPH, ("z_next", "mask"))
                set_up = {"set_up_seconds": round(time.perf_counter() - begun, 1)}
                found[name] = compare(bound, reference) | set_up | {"milliseconds": milliseconds(bound)}
        except DRCError as error:
            not_tried.append(f"golden step on {name}: {error}")
    return found


def compare(bound: BoundGraph, reference: BoundGraph) -> dict[str, float]:
    """The largest errors over two inputs that are run after each other."""
    figures = {"error": 0.0, "cosine": 1.0, "mask_difference": 0.0}
    for seed in (1, 2):
        for graph in (reference, bound):
            fill(graph, seed)
            graph.run()
        z = reference.inputs["z"]
        step, expected = ((graph.outputs["z_next"] - z).ravel().astype(float) for graph in (bound, reference))
        norm = float(np.linalg.norm(expected))
        cosine = float(step @ expected / (np.linalg.norm(step) * norm))
        difference = float(np.abs(bound.outputs["mask"] - reference.outputs["mask"]).max())
        figures = {
            "error": max(figures["error"], float(np.linalg.norm(step - expected)) / norm),
            "cosine": min(figures["cosine"], cosine),
            "mask_difference": max(figures["mask_difference"], difference),
        }
    return figures


def milliseconds(bound: BoundGraph) -> float:
    begun = time.perf_counter()
    for _ in range(TIMED):
        bound.run()
    return round(1000 * (time.perf_counter() - begun) / TIMED, 3)
