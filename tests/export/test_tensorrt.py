"""TensorRT without TensorRT: the calls that are made of it, and that every way to fail is one line and leaves the bundle whole.

``fake_tensorrt.py`` stands in for the package and for cuda-python.
"""

import errno
import hashlib
import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from drc_export.tensorrt import build_engines
from drc_runtime import atomic
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines import load_engine
from drc_runtime.engines.tensorrt_files import records_folder
from drc_runtime.errors import DRCError, EngineError, MissingDependencyError, OutputError, VerificationError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.prior import sample_prior
from drc_runtime.samples import sample_bundle
from tests.export.conftest import Drc
from tests.export.fake_tensorrt import FakeCuda, FakeTensorRT


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", ModuleType("cuda.bindings"))
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", fake)
    return fake


@pytest.fixture(params=["10.0.1", "11.4.1"])
def tensorrt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, cuda: FakeCuda) -> FakeTensorRT:
    fake = FakeTensorRT(cuda, request.param)
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    return fake


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state folder, empty."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def record_of(engine: Path) -> Path:
    """The record that this machine keeps of an engine."""
    return records_folder() / f"{hashlib.sha256(engine.read_bytes()).hexdigest()}.json"


def files(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name[0] != "."
    }


HALVES = [f"{name}_fp16" for name in ("posterior_step", "render", "initial_latent")]
GRAPHS = ["posterior_step", "render", "prior_step", "initial_latent", *HALVES]
"""Of the bundle, in the order of its manifest."""


def test_engines_are_built_strongly_typed_from_each_precision(copy: Path, tensorrt: FakeTensorRT) -> None:
    before, said = files(copy), list[str]()
    built = build_engines(copy, progress=said.append)
    assert [engine.graph for engine in built] == GRAPHS
    assert ("create_network", 2 if tensorrt.__version__ == "10.0.1" else 0) in tensorrt.calls
    assert tensorrt.calls.index("plugins") == 0 and ("clear_flag", 7) in tensorrt.calls
    assert said[0].startswith("posterior_step: tactics 1/5, ") and len(said) == len(GRAPHS)
    record = json.loads(record_of(copy / "posterior_step_fp16.engine").read_text())
    assert record == {
        "gpu": "Fake GPU",
        "compute_capability": "9.0",
        "tensorrt": tensorrt.__version__,
        "precision": "fp16",
        "onnx_sha256": before["posterior_step_fp16.onnx"],
        "engine_sha256": files(copy)["posterior_step_fp16.engine"],
    }
    # each engine starts from the timings of the one before, and so does the next build
    timings = b"timings of " + tensorrt.__version__.encode()
    assert [call[1] for call in tensorrt.calls if call[0] == "timing cache"] == [b"", *[timings] * (len(GRAPHS) - 1)]
    after = files(copy)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {f"{name}.engine" for name in GRAPHS}


def test_the_engine_computes_what_onnxruntime_computes(copy: Path, tensorrt: FakeTensorRT) -> None:
    build_engines(copy, verified=False)
    image = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    one, other = (
        Extractor(copy, seed=1, engine=name, refine="none").extract(image, steps=5)
        for name in ("onnxruntime", "tensorrt")
    )
    assert one.log_posterior == pytest.approx(other.log_posterior, rel=1e-5)
    np.testing.assert_array_equal(one.probability, other.probability)
    # two golden steps and five of the chain: the first run prepares, the rest are one CUDA graph
    assert tensorrt.cuda.launches == 6


@pytest.mark.parametrize("tensorrt", ["11.4.1"], indirect=True)
def test_the_prior_is_sampled_with_the_engines(copy: Path, tensorrt: FakeTensorRT) -> None:
    build_engines(copy)
    bundle, before = Bundle.load(copy), tensorrt.cuda.launches
    one, other = (list(sample_prior(bundle, 2, 3, engine=name)) for name in ("onnxruntime", "tensorrt"))
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_array_equal(found.image, expected.image)
        assert found.energy == expected.energy
    assert (
        tensorrt.cuda.launches - before == 6
    )  # 2 x 3 steps and 2 pictures, the first of each graph without a recording


@pytest.mark.parametrize("tensorrt", ["11.4.1"], indirect=True)
def test_a_model_of_any_fixed_camera_is_verified_with_inputs_that_there_are(
    tmp_path: Path, tensorrt: FakeTensorRT
) -> None:
    """Its background's scale is above 0; with a normal number in its place nothing would be finite."""
    copy = Path(shutil.copytree(sample_bundle("fixed-camera"), tmp_path / "camera"))
    assert [engine.graph for engine in build_engines(copy)] == ["posterior_step"]


def test_an_engine_that_cannot_be_captured_runs_all_the_same(copy: Path, tensorrt: FakeTensorRT) -> None:
    build_engines(copy, verified=False)
    tensorrt.cuda.capturable = False
    bound = load_engine("tensorrt", Bundle.load(copy)).bind("posterior_step", ("z_next",))
    found = []
    for value in (0.0, 1.0, -1.0):
        bound.inputs["z"][:] = value
        bound.run()
        found.append(bound.outputs["z_next"].copy())
    assert tensorrt.cuda.launches == 0 and len({array.tobytes() for array in found}) == 3


def test_device_memory_is_given_back(copy: Path, tensorrt: FakeTensorRT) -> None:
    build_engines(copy)
    assert tensorrt.cuda.memory == {}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"gpu": "Old GPU"}, "for the GPU Old GPU, but here it is Fake GPU"),
        ({"compute_capability": "8.6"}, "for compute capability 8.6, but here it is 9.0"),
        ({"tensorrt": "10.9.0"}, "by TensorRT 10.9.0, but here it is"),
        ({"onnx_sha256": "0" * 64}, "from the ONNX file with SHA-256 000"),
        ({"engine_sha256": "0" * 64}, "describes another engine"),
        ({"gpu": None}, "but here it is Fake GPU"),
    ],
)
def test_an_engine_of_something_else_is_refused(
    copy: Path, tensorrt: FakeTensorRT, change: dict[str, Any], complaint: str
) -> None:
    build_engines(copy, verified=False)
    path = record_of(copy / "posterior_step.engine")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(EngineError, match=complaint) as error:
        Extractor(copy, engine="tensorrt")
    assert "drc export BUNDLE --trt" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("record", ["", "[]", "{}", None])
def test_records_that_are_none(copy: Path, tensorrt: FakeTensorRT, record: str | None) -> None:
    build_engines(copy, verified=False)
    path = record_of(copy / "posterior_step.engine")
    path.unlink() if record is None else path.write_text(record)
    with pytest.raises(EngineError, match="drc export BUNDLE --trt"):
        Extractor(copy, engine="tensorrt")


def test_an_engine_of_a_stranger_is_never_loaded(copy: Path, tensorrt: FakeTensorRT, state: Path) -> None:
    """TensorRT runs what is in it. A record in the bundle proves nothing: the stranger writes that as well."""
    build_engines(copy, verified=False)
    record = record_of(copy / "posterior_step.engine")
    shutil.copy(record, copy / "posterior_step.engine.json")
    tensorrt.Runtime = None  # type: ignore[assignment]
    record.unlink()
    with pytest.raises(EngineError, match="was not built on this machine.*drc export BUNDLE --trt"):
        Extractor(copy, engine="tensorrt")


def test_an_engine_that_has_changed_is_never_loaded(copy: Path, tensorrt: FakeTensorRT) -> None:
    build_engines(copy, verified=False)
    tensorrt.Runtime = None  # type: ignore[assignment]
    engine = copy / "posterior_step.engine"
    engine.write_bytes(engine.read_bytes() + b"x")
    with pytest.raises(EngineError, match="or it has changed since"):
        Extractor(copy, engine="tensorrt")


def test_a_link_is_not_followed(copy: Path, tensorrt: FakeTensorRT, tmp_path: Path) -> None:
    build_engines(copy, verified=False)
    engine = copy / "posterior_step.engine"
    engine.rename(tmp_path / "outside")
    engine.symlink_to(tmp_path / "outside")
    with pytest.raises(EngineError, match="cannot read .*posterior_step.engine"):
        Extractor(copy, engine="tensorrt")


def test_without_a_home_folder(copy: Path, tensorrt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(EngineError, match="set XDG_STATE_HOME"):
        build_engines(copy)


@pytest.mark.parametrize("tensorrt", ["10.0.1"], indirect=True)
def test_ctrl_c_ends_a_build_and_leaves_no_engine(
    copy: Path, tensorrt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(copy)

    def build(builder: Any, network: Any, config: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert config.progress_monitor.step_complete("tactics", 0) is False

    monkeypatch.setattr(tensorrt.Builder, "build_serialized_network", build)
    with pytest.raises(KeyboardInterrupt):
        build_engines(copy)
    assert files(copy) == before


@pytest.mark.parametrize("tensorrt", ["10.0.1"], indirect=True)
def test_nothing_is_written_before_it_is_verified(
    copy: Path, tensorrt: FakeTensorRT, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(copy)

    def interrupted(*_: object) -> None:
        assert files(copy) == before and not state.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr("drc_export.tensorrt._verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_engines(copy)
    assert files(copy) == before


def test_an_engine_that_tensorrt_refuses_or_that_has_other_shapes(copy: Path, tensorrt: FakeTensorRT) -> None:
    build_engines(copy, verified=False)
    tensorrt.loads = False
    with pytest.raises(EngineError, match="cannot load .*posterior_step.engine"):
        Extractor(copy, engine="tensorrt")
    tensorrt.loads = True
    bundle = Bundle.load(copy)
    entry = bundle.manifest.graphs["posterior_step"]
    smaller = replace(entry, outputs={**entry.outputs, "z_next": (1, 2)})
    lying = replace(bundle, manifest=replace(bundle.manifest, graphs={"posterior_step": smaller}))
    with pytest.raises(EngineError, match="but the manifest says"):
        load_engine("tensorrt", lying).bind("posterior_step", ("z_next",))


def refuse_to_parse(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.parses = False


def refuse_to_build(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.builds = False


def no_card(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.cuda.count = 0


def no_driver(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.cuda.status = 35


def another_version(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.__version__ = "8.6.1"


def no_package(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)


def no_cuda_python(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cuda", "cuda.bindings", "cuda.bindings.runtime", "cuda.cudart"):
        monkeypatch.setitem(sys.modules, name, None)


def full_disk(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)


def off(fake: FakeTensorRT, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is made of another model's graph: the shapes agree, the numbers do not."""
    parser = fake.OnnxParser
    parse = parser.parse

    def other(self: Any, onnx: bytes) -> bool:
        import onnx as package

        model = package.load_from_string(onnx)
        for tensor in model.graph.initializer:
            if tensor.data_type == package.TensorProto.FLOAT and len(tensor.dims) == 4:
                values = package.numpy_helper.to_array(tensor) * np.float32(1.1)
                tensor.CopyFrom(package.numpy_helper.from_array(values, tensor.name))
        return bool(parse(self, model.SerializeToString()))

    monkeypatch.setattr(parser, "parse", other)


@pytest.mark.parametrize(
    ("spoil", "error", "complaint"),
    [
        (refuse_to_parse, EngineError, "cannot read graph posterior_step: an error"),
        (refuse_to_build, EngineError, "cannot build graph posterior_step: an error"),
        (no_card, EngineError, "no NVIDIA GPU in this machine"),
        (no_driver, EngineError, "no NVIDIA GPU can be used here"),
        (another_version, EngineError, "TensorRT 8.6.1 is not supported: install 10.x or 11.x"),
        (no_package, MissingDependencyError, "pip install .*\\[trt\\]"),
        (no_cuda_python, MissingDependencyError, r"cuda\.bindings\.runtime .*\[trt\]"),
        (full_disk, OutputError, "No space left on device"),
        (off, VerificationError, "TensorRT, graph posterior_step, output z_next"),
    ],
)
@pytest.mark.parametrize("tensorrt", ["10.0.1"], indirect=True)
def test_failures_are_one_line_and_leave_the_bundle_as_it_was(
    copy: Path,
    tensorrt: FakeTensorRT,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Any,
    error: type[DRCError],
    complaint: str,
) -> None:
    before = files(copy)
    spoil(tensorrt, copy, monkeypatch)
    with pytest.raises(error, match=complaint) as caught:
        build_engines(copy)
    assert "\n" not in str(caught.value)
    assert files(copy) == before
    Bundle.load(copy)


@pytest.mark.parametrize("tensorrt", ["11.4.1"], indirect=True)
def test_one_build_at_a_time(copy: Path, tensorrt: FakeTensorRT) -> None:
    with FileLock(copy / ".tensorrt.lock"), pytest.raises(OutputError, match="another drc export --trt"):
        build_engines(copy)
    build_engines(copy)


@pytest.mark.parametrize("tensorrt", ["11.4.1"], indirect=True)
def test_the_command_adds_engines_to_a_bundle(copy: Path, tensorrt: FakeTensorRT, drc: Drc) -> None:
    code, out, _ = drc("export", copy, "--trt", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["bundle"] == str(copy)
    assert [engine["graph"] for engine in found["engines"]] == GRAPHS
    tensorrt.cuda.count = 0
    code, out, err = drc("export", copy, "--trt")
    assert code == 1 and err.endswith("use --engine onnxruntime\n")
