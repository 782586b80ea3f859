"""Shared by all tests: a tiny bundle whose results are known in closed form."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drc_runtime import activity
from drc_runtime.bundle.bundle import write_bundle
from drc_runtime.bundle.manifest import GraphEntry, LatentSizes, Manifest, Sampler
from drc_runtime.cli import app as command_line

Drc = Callable[..., tuple[int, str, str]]

SIZE = (8, 12)
LATENT = 4
STEP_SIZE = 0.1
SIGMA = 1.0


def toy_posterior_step() -> bytes:
    """White foreground, black background, pi_f = 0.5 everywhere, posterior N(0, 1) over z.

    Then responsibility = sigmoid(sum of the channels / sigma^2): bright pixels are foreground.
    """
    height, width = SIZE
    vector, image, plane = [1, LATENT], [1, 3, height, width], [1, 1, height, width]

    def tensor(name: str, shape: list[int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def constant(name: str, value: object) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value, np.float32), name)

    nodes = [
        helper.make_node("Mul", ["z", "keep"], ["kept"]),
        helper.make_node("Mul", ["noise", "step_size"], ["diffusion"]),
        helper.make_node("Add", ["kept", "diffusion"], ["z_next"]),
        helper.make_node("Mul", ["z", "z"], ["z_squared"]),
        helper.make_node("ReduceSum", ["z_squared", "last"], ["norm"], keepdims=0),
        helper.make_node("Mul", ["norm", "minus_half"], ["log_posterior"]),
        helper.make_node("ReduceSum", ["image", "channels"], ["brightness"], keepdims=1),
        helper.make_node("Mul", ["brightness", "contrast"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["responsibility"]),
        helper.make_node("Identity", ["half_plane"], ["mask"]),
        helper.make_node("Identity", ["white"], ["foreground"]),
        helper.make_node("Identity", ["black"], ["background"]),
    ]
    graph = helper.make_graph(
        nodes,
        "posterior_step",
        [tensor("z", vector), tensor("image", image), tensor("noise", vector)],
        [
            tensor("z_next", vector),
            tensor("log_posterior", [1]),
            tensor("mask", plane),
            tensor("responsibility", plane),
            tensor("foreground", image),
            tensor("background", image),
        ],
        [
            constant("keep", 1 - STEP_SIZE**2 / 2),
            constant("step_size", STEP_SIZE),
            constant("minus_half", -0.5),
            constant("contrast", 1 / SIGMA**2),
            constant("half_plane", np.full(plane, 0.5)),
            constant("white", np.ones(image)),
            constant("black", -np.ones(image)),
            numpy_helper.from_array(np.array([1]), "last"),
            numpy_helper.from_array(np.array([1]), "channels"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def toy_initial_latent(batch: int = 1, size: tuple[int, int] = SIZE, latent: int = LATENT) -> bytes:
    """z as sums of the mean colour's channels, with known weights."""
    height, width = size
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["colour"]),
        helper.make_node("MatMul", ["colour", "weights"], ["z"]),
    ]
    weights = numpy_helper.from_array(np.arange(3 * latent, dtype=np.float32).reshape(3, latent) / 5, "weights")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, height, width])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [batch, latent])
    graph = helper.make_graph(nodes, "initial_latent", [image], [z], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def toy_manifest(graph: bytes) -> Manifest:
    height, width = SIZE
    image, plane = (1, 3, height, width), (1, 1, height, width)
    entry = GraphEntry.of(
        "posterior_step.onnx",
        graph,
        inputs={"z": (1, LATENT), "image": image, "noise": (1, LATENT)},
        outputs={
            "z_next": (1, LATENT),
            "log_posterior": (1,),
            "mask": plane,
            "responsibility": plane,
            "foreground": image,
            "background": image,
        },
    )
    return Manifest(
        name="toy",
        image_size=SIZE,
        latent=LatentSizes(foreground=2, background=1, reassignment=1),
        sampler=Sampler(step_size=STEP_SIZE, sigma=SIGMA, cold_steps=6, track_steps=2),
        graphs={"posterior_step": entry},
        training={"data": "none", "iterations": 0, "seed": 0, "version": "0.1.0"},
        metrics={"iou": 0.5},
    )


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the tests out of the user's cache of decoded images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRC_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(activity, "FIRST_AFTER", 1e6)  # on a slow machine a command says on stderr what it is at
        yield


@pytest.fixture(scope="session")
def toy_graph() -> bytes:
    """The posterior_step graph of the toy bundle."""
    return toy_posterior_step()


@pytest.fixture
def toy_bundle(tmp_path: Path, toy_graph: bytes) -> Path:
    """A new toy bundle, which the test may damage."""
    folder = tmp_path / "toy-bundle"
    write_bundle(folder, toy_manifest(toy_graph), {"posterior_step": toy_graph})
    return folder


@pytest.fixture
def drc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Drc:
    """Runs the command line in this process: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["drc", *arguments])
        with pytest.raises(SystemExit) as exit_:
            command_line.main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def initialised_bundle(tmp_path: Path, toy_graph: bytes) -> Path:
    """The toy bundle with an initialiser, schedules and golden steps."""
    from drc_runtime.bundle.bundle import Bundle
    from drc_runtime.bundle.manifest import InitialChain, Schedule
    from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
    from drc_runtime.inference.golden import record_golden

    plain, initial = toy_manifest(toy_graph), toy_initial_latent()
    height, width = SIZE
    entry = GraphEntry.of("initial_latent.onnx", initial, {"image": (1, 3, height, width)}, {"z": (1, LATENT)})
    sampler = replace(plain.sampler, schedule=Schedule(2, 0.5), initial=InitialChain(3, Schedule(1.5, 0.25)))
    manifest = replace(plain, sampler=sampler, graphs=plain.graphs | {"initial_latent": entry})
    graphs = {"posterior_step": toy_graph, "initial_latent": initial}
    golden = record_golden(OnnxRuntimeEngine(Bundle(tmp_path, manifest, graphs), 1), manifest)
    write_bundle(tmp_path / "initialised", replace(manifest, golden=golden), graphs)
    return tmp_path / "initialised"
