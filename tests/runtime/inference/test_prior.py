"""Samples of a prior that is known in closed form, and of the sample bundle's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.errors import BundleError, EngineError, UsageError
from drc_runtime.inference.prior import sample_prior
from drc_runtime.samples import sample_bundle

STEP = 0.4
MEAN = 3.0


def graph_of(nodes: list[onnx.NodeProto], inputs: dict[str, list[int]], outputs: dict[str, list[int]]) -> bytes:
    def tensors(shapes: dict[str, list[int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    numbers = {"keep": 1 - STEP**2 / 2, "pull": MEAN * STEP**2 / 2, "step": STEP, "half": 0.5}
    constants = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in numbers.items()]
    constants.append(numpy_helper.from_array(np.array([1, 1, 1, 1], np.int64), "pixel"))
    constants.append(numpy_helper.from_array(np.array([1, 3, 8, 12], np.int64), "image_shape"))
    constants.append(numpy_helper.from_array(np.array([1, 1, 8, 12], np.int64), "plane_shape"))
    constants.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    graph = helper.make_graph(nodes, "graph", tensors(inputs), tensors(outputs), constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


@pytest.fixture
def gaussian(toy_bundle: Path) -> Bundle:
    """The prior is N(3, I); the first number of z is the colour of everything."""
    bundle = Bundle.load(toy_bundle)
    vector, image, plane = [1, 4], [1, 3, 8, 12], [1, 1, 8, 12]
    step = graph_of(
        [
            helper.make_node("Mul", ["z", "keep"], ["kept"]),
            helper.make_node("Add", ["kept", "pull"], ["drift"]),
            helper.make_node("Mul", ["noise", "step"], ["diffusion"]),
            helper.make_node("Add", ["drift", "diffusion"], ["z_next"]),
            helper.make_node("ReduceSum", ["z"], ["sum"], keepdims=0),
            helper.make_node("Unsqueeze", ["sum", "first"], ["energy"]),
        ],
        {"z": vector, "noise": vector},
        {"z_next": vector, "energy": [1]},
    )
    render = graph_of(
        [
            helper.make_node("Gather", ["z", "first"], ["colour"], axis=1),
            helper.make_node("Reshape", ["colour", "pixel"], ["dot"]),
            *(
                helper.make_node("Expand", ["dot", shape], [name])
                for name, shape in (
                    ("image", "image_shape"),
                    ("foreground", "image_shape"),
                    ("background", "image_shape"),
                    ("background_before_reassignment", "image_shape"),
                    ("mask", "plane_shape"),
                )
            ),
        ],
        {"z": vector},
        {
            "mask": plane,
            "foreground": image,
            "background": image,
            "background_before_reassignment": image,
            "image": image,
        },
    )
    added = {"prior_step": step, "render": render}
    entries = {}
    for name, data in added.items():
        model = onnx.load_from_string(data)
        shapes = [
            {it.name: tuple(d.dim_value for d in it.type.tensor_type.shape.dim) for it in values}
            for values in (model.graph.input, model.graph.output)
        ]
        entries[name] = GraphEntry.of(f"{name}.onnx", data, *shapes)
    manifest = replace(bundle.manifest, graphs=bundle.manifest.graphs | entries)
    return Bundle(toy_bundle, manifest, {"posterior_step": bundle.graph_bytes("posterior_step")} | added)


def test_the_chain_samples_the_prior_with_noise_of_temperature_one(gaussian: Bundle) -> None:
    samples = list(sample_prior(gaussian, 400, steps=60))
    z = np.stack([sample.z for sample in samples])
    variance = STEP**2 / (1 - (1 - STEP**2 / 2) ** 2)  # of the chain itself, which has no acceptance step
    assert z.mean() == pytest.approx(MEAN, abs=0.1) and z.var() == pytest.approx(variance, abs=0.1)
    assert all(sample.energy is not None for sample in samples)
    np.testing.assert_array_equal(samples[3].image, np.full((3, 8, 12), z[3, 0]))
    assert samples[3].mask.shape == (1, 8, 12)


def test_without_steps_the_latents_are_the_noise(gaussian: Bundle) -> None:
    samples = list(sample_prior(gaussian, 300, steps=0))
    z = np.stack([sample.z for sample in samples])
    assert abs(z.mean()) < 0.1 and z.var() == pytest.approx(1, abs=0.1)
    assert {sample.energy for sample in samples} == {None}


def test_the_seed_decides(gaussian: Bundle) -> None:
    one, same, other = (next(sample_prior(gaussian, 1, 2, seed)).z for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_the_energy_falls_along_the_chain_of_a_learned_prior() -> None:
    """The step ascends the density of Eq. 2: exp(-energy - |z|^2 / 2)."""
    bundle = Bundle.load(sample_bundle("sprites"))

    def density(steps: int) -> float:
        samples = list(sample_prior(bundle, 8, steps))
        return float(np.mean([-(sample.energy or 0) for sample in samples]))

    assert density(30) > density(1) + 1


def test_what_a_bundle_lacks(gaussian: Bundle, toy_bundle: Path) -> None:
    with pytest.raises(BundleError, match="no graph 'render'"):
        sample_prior(Bundle.load(toy_bundle), 1)
    graphs = {name: entry for name, entry in gaussian.manifest.graphs.items() if name != "prior_step"}
    lacking = replace(gaussian, manifest=replace(gaussian.manifest, graphs=graphs))
    with pytest.raises(BundleError, match="--steps 0"):
        sample_prior(lacking, 1)
    assert len(list(sample_prior(lacking, 3, steps=0))) == 3
    with pytest.raises(UsageError, match="no background of its own"):
        sample_prior(Bundle.load(sample_bundle("fixed-camera")), 1)
    with pytest.raises(UsageError, match="cannot draw 0"):
        sample_prior(gaussian, 0)


def test_a_chain_that_diverges_is_an_error(gaussian: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    from drc_runtime.inference import prior

    class Infinite(prior.NormalNoise):
        def draw(self, shape: tuple[int, ...]) -> np.ndarray:
            return np.full(shape, np.inf, np.float32)

    monkeypatch.setattr(prior, "NormalNoise", Infinite)
    with pytest.raises(EngineError, match="diverged"):
        next(sample_prior(gaussian, 1, 2))
