"""What the doctor finds on this machine, and on machines where something is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drc_runtime import doctor
from drc_runtime.bundle.bundle import Bundle, write_bundle
from drc_runtime.doctor import Check, examine, is_healthy
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.errors import BundleError
from drc_runtime.inference.golden import record_golden
from drc_runtime.packages import install_command

Drc = Callable[..., tuple[int, str, str]]


def found() -> dict[str, Check]:
    return {check.name: check for check in examine()}


def test_this_machine_is_healthy() -> None:
    checks = found()
    assert is_healthy(list(checks.values()))
    assert {"python", "machine", "numpy", "onnxruntime", "opencv", "display", "cameras", "torch", "sample"} <= set(
        checks
    )
    assert "CPUExecutionProvider" in checks["onnxruntime"].detail and "reads videos" in checks["opencv"].detail
    assert checks["sample"] == Check("sample", "ok", "scene is intact")


def test_a_package_that_does_not_load_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # importing it now raises ImportError
    checks = found()
    assert checks["onnxruntime"].status == "broken" and not is_healthy(list(checks.values()))


@pytest.mark.parametrize("module", ["numpy", "cv2", "onnxruntime"])
def test_it_runs_without_a_package(module: str, tmp_path: Path) -> None:
    reason = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / f"{module}.py").write_text(f"raise ImportError({reason!r})")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "drc_runtime", "doctor", "--json"],
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    broken = checks["opencv" if module == "cv2" else module]
    assert (done.returncode, done.stderr) == (1, "")
    assert broken["status"] == "broken"
    assert broken["detail"] == "libGL.so.1 is missing: on Debian and Ubuntu, apt-get install libgl1"


def test_a_page_of_advice_becomes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(name: str) -> object:
        raise ImportError("\n\nIMPORTANT: PLEASE READ THIS\n\nmany lines")

    monkeypatch.setattr(doctor, "import_module", page)
    assert found()["numpy"].detail == "ImportError: IMPORTANT: PLEASE READ THIS; reinstall it"


def test_distributions_of_the_same_module_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"onnxruntime": "1.0", "onnxruntime-gpu": "1.0", "opencv-python": "4"}
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, ""))
    clashes = [check for check in examine() if check.name == "clash"]
    assert [check.status for check in clashes] == ["warning"]
    assert "onnxruntime and onnxruntime-gpu overwrite each other" in clashes[0].detail


def test_an_optional_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "2.6" if name == "torch" else "")
    checks = found()
    assert checks["torch"] == Check("torch", "ok", "2.6")
    assert checks["uvicorn"].status == "absent" and install_command("web") in checks["uvicorn"].detail
    assert is_healthy(list(checks.values()))


def test_a_damaged_sample_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(folder: object) -> object:
        raise BundleError("posterior_step.onnx is missing")

    monkeypatch.setattr("drc_runtime.bundle.info.inspect_bundle", damaged)
    assert found()["sample"] == Check("sample", "warning", "posterior_step.onnx is missing")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a window needs no variable")
def test_no_display_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert found()["display"].status == "absent"


def test_every_engine_repeats_a_bundle_s_known_steps(toy_bundle: Path, tmp_path: Path, drc: Drc) -> None:
    status, _, error = drc("doctor", str(toy_bundle))
    assert status == 1 and "no golden steps" in error
    bundle = Bundle.load(toy_bundle)
    golden = record_golden(OnnxRuntimeEngine(bundle, 1), bundle.manifest)
    known = tmp_path / "known"
    graphs = {"posterior_step": bundle.graph_bytes("posterior_step")}
    write_bundle(known, replace(bundle.manifest, golden=golden), graphs)
    status, printed, _ = drc("doctor", str(known), "--json")
    checks = {check["name"]: check["status"] for check in json.loads(printed)["checks"]}
    assert (status, checks["onnxruntime fp32"], checks["torchscript fp32"]) == (0, "ok", "absent")
    other = replace(golden.second, log_posterior=golden.second.log_posterior + 1)
    wrong = tmp_path / "wrong"
    write_bundle(wrong, replace(bundle.manifest, golden=replace(golden, second=other)), graphs)
    status, printed, _ = drc("doctor", str(wrong))
    assert status == 1 and "a known step is off by" in printed
