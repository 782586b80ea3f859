"""``drc info``: what is in a bundle, the damaged ones included."""

import json
from collections.abc import Callable
from pathlib import Path

Drc = Callable[..., tuple[int, str, str]]


def test_an_intact_bundle(drc: Drc, toy_bundle: Path) -> None:
    code, out, err = drc("info", str(toy_bundle))
    assert (code, err) == (0, "")
    assert "12 x 8" in out and "intact" in out and "[1, 3, 8, 12]" in out and "metric iou" in out
    code, out, _ = drc("info", str(toy_bundle), "--json")
    report = json.loads(out)
    assert code == 0 and report["intact"] is True
    assert report["image_size"] == [8, 12] and report["sampler"]["cold_steps"] == 6
    assert report["graphs"]["posterior_step"]["bytes"] == (toy_bundle / "posterior_step.onnx").stat().st_size


def test_a_damaged_bundle_is_shown_as_well(drc: Drc, toy_bundle: Path) -> None:
    with open(toy_bundle / "posterior_step.onnx", "ab") as graph:
        graph.write(b"\0")
    code, out, _ = drc("info", str(toy_bundle))
    assert code == 1 and "is not the file that the manifest describes" in out and "12 x 8" in out
    code, out, _ = drc("info", str(toy_bundle), "--json")
    assert code == 1 and json.loads(out)["intact"] is False


def test_a_manifest_cannot_steer_the_terminal(drc: Drc, toy_bundle: Path) -> None:
    path = toy_bundle / "manifest.json"
    values = json.loads(path.read_text())
    values["training"]["data"] = "\x1b]0;owned\x07"
    path.write_text(json.dumps(values))
    code, out, _ = drc("info", str(toy_bundle))
    assert code == 0 and "owned" in out and "\x1b" not in out and "\x07" not in out


def test_one_graph(drc: Drc, toy_bundle: Path) -> None:
    code, out, err = drc("info", str(toy_bundle), "--graph", "posterior_step")
    assert (code, err) == (0, "")
    assert "nodes" in out and "5 Mul" in out and "[1, 3, 8, 12]" in out and "not recorded" in out
    code, out, _ = drc("info", str(toy_bundle), "--graph", "posterior_step", "--json")
    report = json.loads(out)
    assert report["operators"]["Mul"] == 5 and report["backends"] is None and report["outputs"]["z_next"] == [1, 4]
    code, _, err = drc("info", str(toy_bundle), "--graph", "render")
    assert code == 2 and "has posterior_step" in err


def test_what_the_export_recorded_of_backends(drc: Drc, toy_bundle: Path) -> None:
    path = toy_bundle / "manifest.json"
    values = json.loads(path.read_text())
    values["metrics"]["backends"] = {"posterior_step": {"CoreML": False, "TensorRT 10.0": True}}
    path.write_text(json.dumps(values))
    _, out, _ = drc("info", str(toy_bundle), "--graph", "posterior_step")
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["backend", "CoreML", "does", "not", "support", "it"],
        ["backend", "TensorRT", "10.0", "supports", "it"],
    ]
    assert "backends" not in drc("info", str(toy_bundle))[1]
    for damaged in ({"posterior_step": 3}, [1]):
        values["metrics"]["backends"] = damaged
        path.write_text(json.dumps(values))
        assert "not recorded" in drc("info", str(toy_bundle), "--graph", "posterior_step")[1]
