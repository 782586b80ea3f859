"""The onnxruntime engine: bound buffers, and graphs that differ from the manifest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines import load_engine
from drc_runtime.engines.onnxruntime import (
    LARGEST_MEMORY,
    OnnxRuntimeCudaEngine,
    OnnxRuntimeEngine,
    OnnxRuntimeTensorRTEngine,
)
from drc_runtime.errors import EngineError, MissingDependencyError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.langevin import LangevinSampler
from tests.runtime.engines import device_stand_in

ENGINE_CLASSES = (OnnxRuntimeCudaEngine, OnnxRuntimeTensorRTEngine)


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


@pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_a_provider_that_was_not_built_in_is_refused(toy_bundle: Path, name: str) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime was built with it")
    with pytest.raises(MissingDependencyError, match=r"has no (CUDA|Tensorrt)ExecutionProvider .*onnxruntime-gpu"):
        load_engine(name, Bundle.load(toy_bundle))


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_a_provider_that_does_not_come_up_is_refused(
    toy_bundle: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime itself goes on with what it has, on the processor."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime may well start it")
    every = [provider for it in ENGINE_CLASSES for provider in it.providers]
    monkeypatch.setattr("drc_runtime.engines.onnxruntime.ort.get_available_providers", lambda: every)
    engine = load_engine(name, Bundle.load(toy_bundle))
    with pytest.raises(
        EngineError, match=r"could not start its (CUDA|Tensorrt)ExecutionProvider.*--engine onnxruntime"
    ):
        engine.bind("posterior_step", ("z_next",))


@pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_each_run_of_a_device_sees_the_inputs_of_that_run(
    toy_bundle: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A binding copies to the device when it is made: the zeros of that moment would stay there for all runs."""
    bundle = Bundle.load(toy_bundle)
    expected = chain(LangevinSampler(load_engine("onnxruntime", bundle, 1), temperature=1.0))
    device_stand_in.install(monkeypatch)
    found = chain(LangevinSampler(load_engine(name, bundle, 1), temperature=1.0))
    np.testing.assert_array_equal(found, expected)
    assert found[0].std() > 0, "z moves"


def chain(sampler: LangevinSampler) -> np.ndarray:
    """Latents of two chains with noise, the second of another image and start."""
    images = np.random.default_rng(1).uniform(-1, 1, (2, 1, 3, 8, 12)).astype(np.float32)
    return np.stack([sampler.run(image, sampler.noise(), 3).z for image in images])


@pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_a_device_gives_each_image_its_own_mask(toy_bundle: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the public class, a track included, with images that differ in every pixel."""
    device_stand_in.install(monkeypatch)
    dark, bright = np.zeros((16, 24, 3), np.uint8), np.full((16, 24, 3), 255, np.uint8)
    extractor = Extractor(toy_bundle, engine=name)
    assert [extractor.extract(image).foreground_share for image in (dark, bright, dark)] == [0, 1, 0]
    track = extractor.track()
    assert [track.step(image).foreground_share for image in (bright, dark, bright)] == [1, 0, 1]


def test_the_processor_binds_once(toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bound = OnnxRuntimeEngine(Bundle.load(toy_bundle), threads=1).bind("posterior_step", ("z_next",))
    monkeypatch.setattr(bound, "_bind_inputs", lambda: pytest.fail("bound again"))
    bound.run()


def test_a_graph_cannot_take_all_memory(toy_bundle: Path) -> None:
    """A shape in a graph of a few bytes decides how much an operator allocates."""
    nodes = [
        helper.make_node("Expand", ["z", "shape"], ["giant"]),
        helper.make_node("ReduceMax", ["giant"], ["most"], axes=[0], keepdims=1),
        helper.make_node("Identity", ["most"], ["z_next"]),
    ]
    bundle = Bundle.load(toy_bundle)
    entry = bundle.manifest.graphs["posterior_step"]
    batch, latent = entry.inputs["z"]
    shape = numpy_helper.from_array(np.array([LARGEST_MEMORY // 4 // latent * 2, latent], np.int64), "shape")
    values = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [batch, latent])]
    results = [helper.make_tensor_value_info("z_next", TensorProto.FLOAT, [batch, latent])]
    model = helper.make_model(
        helper.make_graph(nodes, "greedy", values, results, [shape]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    declared = GraphEntry(entry.file, entry.sha256, {"z": (batch, latent)}, {"z_next": (batch, latent)})
    manifest = replace(bundle.manifest, graphs={"posterior_step": declared})
    greedy = Bundle(bundle.folder, manifest, {"posterior_step": model.SerializeToString()})
    with pytest.raises(EngineError, match="the graph needs more than 4 GiB of memory"):
        OnnxRuntimeEngine(greedy, threads=1).bind("posterior_step", ("z_next",)).run()
