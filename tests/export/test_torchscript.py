"""TorchScript: the same numbers, read only when asked for, and as strictly as ONNX."""

import hashlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drc_export.bundle import Contents, export
from drc_export.graphs import graphs
from drc_export.onnx import trace
from drc_export.reference import Reference
from drc_export.torchscript import to_torchscript
from drc_export.verify import verify
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.info import inspect_bundle
from drc_runtime.bundle.manifest import MANIFEST, Manifest
from drc_runtime.engines import load_engine
from drc_runtime.engines.torchscript import TorchScriptEngine
from drc_runtime.engines.torchscript_check import check_archive, check_graph
from drc_runtime.errors import BundleError, EngineError, MissingDependencyError, UsageError, VerificationError
from drc_runtime.inference.extractor import Extractor
from drc_train.config import load_config
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import load_model
from tests.export.conftest import SMALL, TINY, assert_same_masks

OUTPUTS = ("z_next", "log_posterior", "mask", "responsibility", "foreground", "background")


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def replace_script(folder: Path, data: bytes) -> None:
    """Another file under the same name, its hash in the manifest."""
    (folder / "posterior_step.pt").write_bytes(data)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["torchscript"]["posterior_step"]["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


def scripted(function: object) -> bytes:
    buffer = io.BytesIO()
    inputs = (torch.zeros(1, 2), torch.zeros(1, 3, 4, 4), torch.zeros(1, 2))
    torch.jit.save(torch.jit.trace(function, inputs), buffer)
    return buffer.getvalue()


def two_steps(bundle: Path, engine: str) -> dict[str, np.ndarray]:
    """Outputs of the second of two steps from noise, and the latent before them."""
    bound = load_engine(engine, Bundle.load(bundle), 1).bind("posterior_step", OUTPUTS)
    random = np.random.default_rng(3)
    bound.inputs["image"][:] = random.uniform(-1, 1, bound.inputs["image"].shape)
    start = bound.inputs["z"][:] = random.standard_normal(bound.inputs["z"].shape)
    for _ in range(2):
        bound.inputs["noise"][:] = random.standard_normal(start.shape)
        bound.run()
        bound.inputs["z"][:] = bound.outputs["z_next"]
    return {name: array.copy() for name, array in bound.outputs.items()} | {"start": start}


def test_it_computes_what_onnx_computes(bundle: Path) -> None:
    """Tolerances are ten times the differences measured after 1 and after 100 iterations of training."""
    one, other = (two_steps(bundle, engine) for engine in ("onnxruntime", "torchscript"))
    moved = other["z_next"] - other["start"]
    assert np.linalg.norm(one["z_next"] - other["z_next"]) < 2e-4 * np.linalg.norm(moved)
    np.testing.assert_allclose(one["log_posterior"], other["log_posterior"], rtol=1e-5)
    for name, tolerance in {"mask": 5e-5, "responsibility": 5e-4, "foreground": 3e-4, "background": 3e-4}.items():
        np.testing.assert_allclose(one[name], other[name], rtol=0, atol=tolerance, err_msg=name)


def test_it_gives_the_masks_that_onnx_gives(bundle: Path) -> None:
    image = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    one, other = (
        Extractor(bundle, seed=1, engine=name, refine="none").extract(image, steps=2)
        for name in ("onnxruntime", "torchscript")
    )
    assert one.log_posterior == pytest.approx(other.log_posterior, rel=1e-4)
    assert one.probability.std() > 10, "a mask with something in it"
    assert_same_masks(one.probability, other.probability)


def test_buffers_are_shared_and_only_what_is_asked_for_is_copied(bundle: Path) -> None:
    engine = load_engine("torchscript", Bundle.load(bundle), 1)
    step, whole = engine.bind("prior_step", ("z_next",)), engine.bind("prior_step", ("z_next", "energy"))
    assert step.inputs is whole.inputs and set(step.outputs) == {"z_next"}
    step.inputs["z"][:] = 1
    step.run()
    assert step.outputs["z_next"].any() and not whole.outputs["z_next"].any()
    with pytest.raises(EngineError, match="no output 'masks'"):
        engine.bind("prior_step", ("masks",))
    with pytest.raises(EngineError, match="no graph 'posterior'"):
        engine.bind("posterior", ())


def test_a_damaged_file_is_never_loaded(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copy / "posterior_step.pt"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("loaded"))
    Extractor(copy)  # what does not use it does not look at it
    with pytest.raises(BundleError, match=r"posterior_step\.pt is not the file that the manifest describes"):
        Extractor(copy, engine="torchscript")
    info = inspect_bundle(copy)
    assert not info.intact and [item.name for item in info.torchscript if item.problem] == ["posterior_step"]


def complaint(copy: Path, data: bytes) -> str:
    """The message of running a bundle with this TorchScript file."""
    replace_script(copy, data)
    with pytest.raises((BundleError, EngineError)) as error:
        Extractor(copy, engine="torchscript").extract(np.zeros((8, 8, 3), np.uint8), steps=1)
    assert "\n" not in str(error.value) and "posterior_step" in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("data", [b"", b"no archive"])
def test_files_of_something_else_are_errors_of_one_line(copy: Path, data: bytes) -> None:
    assert "is not a TorchScript file" in complaint(copy, data)


@pytest.mark.parametrize("change", ["one", "single", "shape", "int", "complex", "double", "list", "number"])
def test_results_that_the_manifest_does_not_have_are_refused(
    bundle: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Integers would be copied as if they were float32, complex numbers raise something else in NumPy."""
    monkeypatch.setattr("drc_runtime.engines.torchscript.check_archive", lambda *_: None)
    monkeypatch.setattr("drc_runtime.engines.torchscript.check_graph", lambda *_: None)
    shapes = list(Bundle.load(bundle).manifest.graphs["posterior_step"].outputs.values())

    class Module(torch.nn.Module):
        def forward(self, z: torch.Tensor, image: torch.Tensor, noise: torch.Tensor) -> object:
            zeros = [torch.zeros(shape) + 0 * z.sum() for shape in shapes]
            if change == "single":
                return zeros[0]
            if change in ("int", "complex", "double"):
                kind = {"int": torch.int32, "complex": torch.complex64, "double": torch.float64}[change]
                zeros[2] = zeros[2].to(kind)
            if change == "shape":
                zeros[1] = zeros[1][None]
            if change == "number":
                return tuple(zeros[:-1])
            return zeros if change == "list" else tuple(zeros[:1] if change == "one" else zeros)

    manifest = Bundle.load(bundle).manifest
    inputs = tuple(torch.zeros(shape) for shape in manifest.graphs["posterior_step"].inputs.values())
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(Module(), inputs, strict=False), buffer)
    assert "returns other tensors than the manifest says" in complaint(copy, buffer.getvalue())


def test_a_stranger_s_file_is_not_loaded(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("loaded"))
    said = complaint(copy, scripted(lambda z, image, noise: torch.erfinv(z)))
    assert "which drc export does not write" in said


@pytest.mark.parametrize("preset", ["static-camera", "objects-64", "tm-dsprites"])
def test_what_other_presets_export_is_allowed(preset: str) -> None:
    one_stage = [*SMALL, *TINY, *(["model.background_channels=[8]"] if preset == "static-camera" else [])]
    config = load_config(preset, one_stage)
    model = RegionModel(config.model, torch.Generator().manual_seed(0)).eval()
    step = graphs(config)[0]
    data = to_torchscript(step, trace(step, model))
    check_archive(data, preset)
    check_graph(torch.jit.load(io.BytesIO(data)), preset)


def test_bundles_and_machines_without_it(toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleError, match="drc export --torchscript"):
        Extractor(toy_bundle, engine="torchscript")
    with pytest.raises(UsageError, match="no engine 'torch'"):
        Extractor(toy_bundle, engine="torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[train\]"):
        Extractor(toy_bundle, engine="torchscript")


def test_a_gradient_exported_as_a_constant_is_noticed(run: Path, bundle: Path) -> None:
    model, config, _ = load_model(run)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(0))
    found = step.function(model, *inputs)

    class Constant(torch.nn.Module):
        def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(tensor + 0 * tensors[0].sum() for tensor in found)

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.freeze(torch.jit.trace(Constant().eval(), inputs)), buffer)
    constant = replace(Bundle.load(bundle), _torchscript={"posterior_step": buffer.getvalue()})
    with pytest.raises(VerificationError, match="TorchScript, graph posterior_step, output z_next: the same for every"):
        verify(TorchScriptEngine(constant), Reference(model), [step], backend="TorchScript")


def test_the_manifest_stays_version_1(bundle: Path, toy_bundle: Path) -> None:
    manifest = Bundle.load(bundle).manifest
    assert Manifest.parse(manifest.to_json()) == manifest and set(manifest.torchscript) == {
        "posterior_step",
        "render",
        "prior_step",
        "initial_latent",
    }
    assert "torchscript" not in json.loads((toy_bundle / MANIFEST).read_text())


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"later": {"file": "a.pt", "sha256": "0" * 64}}, "torchscript.later has no graph"),
        ({"posterior_step": {"file": "../a.pt", "sha256": "0" * 64}}, "torchscript.posterior_step.file"),
        ({"posterior_step": {"file": "a.pt"}}, "torchscript.posterior_step.sha256 is missing"),
        ([], "torchscript must be an object"),
    ],
)
def test_entries_of_the_manifest_are_checked(toy_bundle: Path, entry: object, complaint: str) -> None:
    values = json.loads((toy_bundle / MANIFEST).read_text())
    (toy_bundle / MANIFEST).write_text(json.dumps(values | {"torchscript": entry}))
    with pytest.raises(BundleError, match=complaint):
        Bundle.load(toy_bundle)


def test_a_fixed_camera_s_step_holds_nothing_that_is_refused(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    """Its operators are others: the background is an input, and shadows are told from its average over a window."""
    run = make_run(tmp_path / "run", "fixed-camera", "model.background_channels=null")
    report = export(run, tmp_path / "bundle", contents=Contents(torchscript=True))
    assert any(check.backend == "TorchScript" for check in report.checks)
