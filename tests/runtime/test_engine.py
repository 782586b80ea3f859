"""The onnxruntime engine: bound buffers, and graphs that are not what the manifest says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.bundle import Bundle, GraphEntry
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.errors import EngineError


def test_runs_read_and_write_the_bound_buffers(toy_bundle: Path) -> None:
    engine = OnnxRuntimeEngine(Bundle.load(toy_bundle), threads=1)
    step = engine.bind("posterior_step", ("z_next",))
    whole = engine.bind("posterior_step", ("z_next", "log_posterior"))
    assert step.inputs is whole.inputs and set(step.outputs) == {"z_next"}
    buffer = step.outputs["z_next"]
    for value in (1.0, -3.0):
        step.inputs["z"][:] = value
        step.run()
        np.testing.assert_allclose(buffer, value * (1 - 0.1**2 / 2), rtol=1e-6)
    whole.run()
    np.testing.assert_allclose(whole.outputs["log_posterior"], -0.5 * 4 * 9)


def test_unknown_names_are_named(toy_bundle: Path) -> None:
    engine = OnnxRuntimeEngine(Bundle.load(toy_bundle))
    with pytest.raises(EngineError, match="no graph 'posterior'"):
        engine.bind("posterior", ())
    with pytest.raises(EngineError, match="no output 'masks'"):
        engine.bind("posterior_step", ("masks",))


def test_a_graph_of_other_shapes_than_declared_is_refused(toy_bundle: Path) -> None:
    """Its buffers would be written past their end."""
    bundle = Bundle.load(toy_bundle)
    entry = bundle.manifest.graphs["posterior_step"]
    smaller = GraphEntry(entry.file, entry.sha256, entry.inputs, {**entry.outputs, "z_next": (1, 2)})
    lying = Bundle(bundle.folder, replace(bundle.manifest, graphs={"posterior_step": smaller}), bundle._graphs)
    with pytest.raises(EngineError, match="the manifest says"):
        OnnxRuntimeEngine(lying).bind("posterior_step", ("z_next",))


def test_bytes_that_onnxruntime_refuses(toy_bundle: Path) -> None:
    bundle = Bundle.load(toy_bundle)
    broken = Bundle(bundle.folder, bundle.manifest, {"posterior_step": b"\x08\x0a" * 20})
    with pytest.raises(EngineError, match="cannot load graph posterior_step") as caught:
        OnnxRuntimeEngine(broken).bind("posterior_step", ("z_next",))
    assert "\n" not in str(caught.value)
