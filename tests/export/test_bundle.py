"""A run exported for real: what is in the graphs, that they compute the model, and what happens where they do not."""

import collections
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.fx import GraphModule

from drc_export import bundle as module
from drc_export.bundle import Contents, export
from drc_export.graphs import Graph, chosen_graphs, graphs
from drc_export.onnx import fold_constants, to_onnx, trace
from drc_export.reference import INPUTS, Reference
from drc_export.verify import Check, verify
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.protocol import BoundGraph
from drc_runtime.errors import OutputError, TrainingError, UsageError, VerificationError
from drc_runtime.inference.extractor import Extractor
from drc_train.config import load_config
from drc_train.evaluation.model_masks import load_extractor
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import load_model
from tests.export.conftest import TINY, assert_same_masks

MakeRun = Callable[..., Path]


def test_the_bundle_says_where_it_comes_from(bundle: Path) -> None:
    manifest = Bundle.load(bundle).manifest
    assert manifest.name == "bundle" and manifest.image_size == (16, 16)
    assert manifest.training["data"] == "test" and manifest.training["iterations"] == 1
    assert manifest.metrics["gradient_error"] < 1e-2


KINDS = {
    "slots": ("edge-32", "model.latent.foreground_slots=2", "model.latent.foreground=6"),
    "gaussian": ("edge-32", "model.likelihood=gaussian", "model.foreground_spread=1.5"),
    "amortised": ("edge-32", "model.inference=amortised", "train.pseudo_label_weight=0"),
    "bilinear": ("edge-32", "model.upsampling=bilinear"),
    "static-camera": ("static-camera", "model.background_channels=[6]"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("step_only")
def test_every_kind_of_model_is_exported_alike(kind: str, tmp_path: Path, make_run: MakeRun) -> None:
    """Verified on the way; the runtime then reads the same masks from the bundle as from the run."""
    preset, *overrides = KINDS[kind]
    run = make_run(tmp_path / "run", preset, *TINY, *overrides)
    report = export(run, tmp_path / "bundle")
    assert report.checks and all(check.problem is None for check in report.checks)
    assert {backend for backend, problems in report.backends["posterior_step"].items() if problems} <= {"CoreML"}
    config = load_model(run)[1]
    manifest = Bundle.load(report.bundle).manifest
    assert manifest.latent.total == config.model.latent.total
    assert manifest.latent.foreground_slots == config.model.latent.foreground_slots
    assert manifest.latent.reassignment == (0 if kind == "static-camera" else 32)
    assert manifest.sampler.likelihood == config.model.likelihood
    image = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    one, other = (
        extractor.extract(image, steps=2)
        for extractor in (Extractor(report.bundle, refine="none"), load_extractor(run))
    )
    assert one.log_posterior == pytest.approx(other.log_posterior, rel=1e-4)
    assert_same_masks(one.probability, other.probability)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_graph_of_every_kind_passes_verification(kind: str, tmp_path: Path, make_run: MakeRun) -> None:
    preset, *overrides = KINDS[kind]
    report = export(make_run(tmp_path / "run", preset, *TINY, *overrides), tmp_path / "bundle")
    names = {"posterior_step", "render"} | ({"prior_step"} if kind != "amortised" else set())
    assert {check.graph for check in report.checks} == names == report.bytes.keys()
    for backends in report.backends.values():
        assert {backend for backend, problems in backends.items() if problems} <= {"CoreML"}


def test_without_a_learned_prior_there_is_no_prior_step() -> None:
    assert [graph.name for graph in graphs(load_config("edge-32"))] == ["posterior_step", "render", "prior_step"]
    amortised = load_config("edge-32", ["model.inference=amortised", "train.pseudo_label_weight=0"])
    assert [graph.name for graph in graphs(amortised)] == ["posterior_step", "render"]


def test_the_graphs_that_are_asked_for(tmp_path: Path, make_run: MakeRun) -> None:
    """``energies`` has no caller here and is exported on request; its sum is the energy of ``prior_step``."""
    folder = make_run(tmp_path / "run", "edge-32", *TINY, "model.latent.foreground_slots=2")
    report = export(folder, tmp_path / "bundle", contents=Contents(graphs=("all",), torchscript=True))
    assert {check.graph for check in report.checks} == {"posterior_step", "render", "prior_step", "energies"}
    assert {check.graph for check in report.checks if check.backend == "TorchScript"} >= {"energies"}
    bundle = Bundle.load(tmp_path / "bundle")
    recorded = bundle.manifest.metrics["backends"]["energies"]
    assert recorded["TensorRT 10.0"] is True and recorded.keys() == report.backends["energies"].keys()
    engine = OnnxRuntimeEngine(bundle)
    step = engine.bind("prior_step", ("energy",))
    names = [name for name in bundle.manifest.graphs["energies"].outputs if name.endswith("_energy")]
    parts = engine.bind("energies", names)
    z = np.random.default_rng(0).standard_normal(step.inputs["z"].shape).astype(np.float32)
    for graph in (step, parts):
        np.copyto(graph.inputs["z"], z)
        graph.run()
    total = sum(float(parts.outputs[name].sum()) for name in names)
    assert len(names) == 3 and total == pytest.approx(float(step.outputs["energy"][0]), rel=1e-5)
    export(folder, tmp_path / "small", contents=Contents(graphs=("posterior_step",)), verified=False)
    assert Bundle.load(tmp_path / "small").manifest.graphs.keys() == {"posterior_step"}


def test_graphs_that_there_are_not() -> None:
    config = load_config("edge-32")
    with pytest.raises(
        UsageError, match="no graph 'encoder'; choose from posterior_step, render, prior_step, energies"
    ):
        chosen_graphs(config, names=["posterior_step", "encoder"])
    with pytest.raises(UsageError, match="needs posterior_step"):
        chosen_graphs(config, names=["render"])
    amortised = load_config("edge-32", ["model.inference=amortised", "train.pseudo_label_weight=0"])
    assert [graph.name for graph in chosen_graphs(amortised, names=["all"])] == ["posterior_step", "render"]


def test_the_graphs_hold_no_leftovers(bundle: Path) -> None:
    """Fixed shapes, one domain, kernels folded, no scatter without a reduction (TensorRT before 10.9 refuses it)."""
    for path in bundle.glob("*step.onnx"):
        model = onnx.load(path)
        assert [entry.domain for entry in model.opset_import] == [""]
        kinds = collections.Counter(node.op_type for node in model.graph.node)
        assert not {"Loop", "If", "Scan", "ScatterND", "RandomNormal", "RandomNormalLike", "GridSample"} & kinds.keys()
        shapes = [d for value in (*model.graph.input, *model.graph.output) for d in value.type.tensor_type.shape.dim]
        assert all(dim.HasField("dim_value") for dim in shapes)
        weights = {tensor.name for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type in ("Conv", "ConvTranspose"):
                assert node.input[1] in weights, f"{path.name}: the kernel of {node.name} is computed at run time"


def test_the_bundle_and_the_run_give_the_same_masks(run: Path, bundle: Path) -> None:
    image = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    one, other = (
        Extractor(bundle, seed=1, refine="none").extract(image, steps=1),
        load_extractor(run, seed=1).extract(image, steps=1),
    )
    assert one.log_posterior == pytest.approx(other.log_posterior, rel=1e-4)
    assert_same_masks(one.probability, other.probability)


class Tampered:
    """An engine that spoils one output."""

    def __init__(self, engine: OnnxRuntimeEngine, graph: str, output: str, spoil: str) -> None:
        self.engine, self.target, self.spoil = engine, (graph, output), spoil

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        bound = self.engine.bind(graph, outputs)
        if graph != self.target[0]:
            return bound
        run, name, spoil = bound.run, self.target[1], self.spoil
        first: list[np.ndarray] = []

        def spoiled() -> None:
            run()
            buffer = bound.outputs[name]
            if spoil == "noise":
                buffer += 1e-3 * np.random.default_rng(0).standard_normal(buffer.shape).astype(np.float32)
            elif spoil == "nan":
                buffer.flat[0] = np.nan
            else:
                first.append(buffer.copy())
                buffer[:] = first[0]

        bound.run = spoiled  # type: ignore[method-assign]
        return bound


@pytest.fixture(scope="module")
def checked(run: Path) -> tuple[Reference, dict[str, Graph]]:
    """The reference outputs of the run's graphs, computed once."""
    model, config, _ = load_model(run)
    return Reference(model), {graph.name: graph for graph in graphs(config)}


@pytest.mark.parametrize("spoil", ["noise", "nan", "constant"])
@pytest.mark.parametrize(("graph", "output"), [("posterior_step", "z_next"), ("prior_step", "energy")])
def test_verification_names_what_is_wrong(
    checked: tuple[Reference, dict[str, Graph]], bundle: Path, graph: str, output: str, spoil: str
) -> None:
    reference, functions = checked
    engine = Tampered(OnnxRuntimeEngine(Bundle.load(bundle)), graph, output, spoil)
    with pytest.raises(VerificationError, match=f"graph {graph}, output {output}"):
        verify(engine, reference, [functions[graph]])


@pytest.mark.usefixtures("exported")
def test_a_failed_check_leaves_no_bundle(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.OnnxRuntimeEngine
    monkeypatch.setattr(
        module, "OnnxRuntimeEngine", lambda *a, **k: Tampered(real(*a, **k), "render", "image", "noise")
    )
    with pytest.raises(VerificationError, match="graph render, output image, input"):
        export(run, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_the_tolerance_is_three_times_float32_s_own_error() -> None:
    def check(error: float, float32: float, cosine: float = 1.0, float32_cosine: float = 1.0) -> str | None:
        return Check("g", "o", error, float32, cosine, float32_cosine, 0).problem

    assert check(2.9e-4, 1e-4) is None
    assert "3.0e-04 is allowed" in (check(3.1e-4, 1e-4) or "")
    assert "5.0e-02 is allowed" in (check(6e-2, 1e-1) or "")
    assert "cosine" in (check(1e-5, 1e-5, 1 - 2e-5) or "")
    assert check(1e-5, 1e-5, 1 - 2e-5, 1 - 1e-5) is None
    assert "cosine" in (check(1e-5, 1e-5, 1 - 4e-5, 1 - 1e-5) or "")
    assert check(float("nan"), 1e-4)


def test_one_of_the_inputs_checked_is_late_in_a_chain(checked: tuple[Reference, dict[str, Graph]]) -> None:
    reference, functions = checked
    values = [float(example.float64[1]) for example in reference.examples(functions["posterior_step"])]
    assert len(values) == INPUTS and values[-1] > max(values[:-1]), "a chain explains its image"


@pytest.mark.usefixtures("step_only")
def test_a_rewrite_that_is_wrong_wherever_it_is_used_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(graph: Graph, model: RegionModel) -> GraphModule:
        def longer(model: RegionModel, z: torch.Tensor, *others: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found = graph.function(model, z, *others)
            return (z + 1.003 * (found[0] - z), *found[1:]) if graph.outputs[0] == "z_next" else found

        return trace(replace(graph, function=longer), model)

    monkeypatch.setattr(module, "trace", wrong)
    with pytest.raises(VerificationError, match="graph posterior_step, output z_next"):
        export(run, tmp_path / "bundle")


class OtherSide:
    """An engine on the other side of a non-differentiable point than the model, and right otherwise."""

    def __init__(self, border: torch.Tensor) -> None:
        self.border = border.numpy()
        self.inputs, self.outputs = ({name: np.zeros((1, 4), np.float32)} for name in ("z", "slope"))

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        return self  # type: ignore[return-value]

    def run(self) -> None:
        z = self.inputs["z"]
        self.outputs["slope"] = 100 * z + (z > self.border)


def test_either_side_of_a_non_differentiable_point_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 and float64 agree at the input; one ulp away both give the gradient of the other side."""
    border = torch.randn(1, 4, generator=torch.Generator().manual_seed(1))

    def slope(model: torch.nn.Module, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (100 * z + (z >= border),)

    graph = Graph("slope", slope, {"z": (1, 4)}, ("slope",))
    reference = Reference(torch.nn.Identity())  # type: ignore[arg-type]
    assert torch.equal(reference.examples(graph)[0].inputs["z"], border)
    assert verify(OtherSide(border), reference, [graph])[0].worst_input == 0
    monkeypatch.setattr("drc_export.reference.NEIGHBOURS", 0)
    with pytest.raises(VerificationError, match="input 0"):
        verify(OtherSide(border), Reference(torch.nn.Identity()), [graph])  # type: ignore[arg-type]


def test_an_existing_bundle_is_kept(run: Path, bundle: Path) -> None:
    before = json.loads((bundle / MANIFEST).read_text())
    with pytest.raises(OutputError, match="--overwrite"):
        export(run, bundle)
    assert json.loads((bundle / MANIFEST).read_text()) == before


def test_a_place_without_a_folder_is_found_before_the_run_is_read(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the folder .*nodir/sub does not exist"):
        export(tmp_path / "no run", tmp_path / "nodir" / "sub" / "bundle")


def test_no_run_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        export(tmp_path, tmp_path / "bundle")


def test_constants_are_folded_without_changing_the_result(run: Path) -> None:
    model, config, _ = load_model(run)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(5))
    traced = trace(step, model)
    assert fold_constants(traced) == 0, "trace() has folded everything already"
    for found, expected in zip(traced(*inputs), step.function(model, *inputs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_kernels_are_constants_whatever_their_size(run: Path) -> None:
    """Also those that the ONNX exporter's own folding leaves because they are large: TensorRT and CoreML need weights."""
    model, config, _ = load_model(run)
    traced = trace(graphs(config)[0], model)
    convolutions = [node for node in traced.graph.nodes if node.target is torch.ops.aten.convolution.default]
    assert convolutions and all(node.args[1].op == "get_attr" for node in convolutions)


def test_the_same_weights_give_the_same_bytes(run: Path) -> None:
    model, config, _ = load_model(run)
    prior = graphs(config)[2]
    traced = trace(prior, model)
    assert to_onnx(prior, traced) == to_onnx(prior, traced) == to_onnx(prior, trace(prior, model))
