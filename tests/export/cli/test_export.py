"""``drc export``: what it prints, and that an option without effect is refused before anything is done."""

import json
from pathlib import Path

import pytest

from drc_export import bundle as module
from drc_export.bundle import Contents, ExportReport
from drc_export.verify import FLOAT16, Check
from drc_runtime.activity import Activity
from drc_runtime.bundle.bundle import Bundle
from tests.export.conftest import Drc

CHECK = Check("render", "mask", 1e-6, 2e-6, 0.99999, 0.99998, 3, FLOAT16)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Nothing is exported: the arguments are kept, and there is a report."""
    calls: list[dict[str, object]] = []

    def export(run: Path, bundle: Path, **options: object) -> ExportReport:
        assert isinstance(options.pop("progress"), Activity)
        calls.append({"run": run, "bundle": bundle, **options})
        backends = {"render": {"onnxruntime CPU": [], "CoreML": ["Where is not supported", "Pad is not supported"]}}
        return ExportReport(bundle, {"render": 2_000_000}, [CHECK] if options["verified"] else [], backends)

    monkeypatch.setattr(module, "export", export)
    monkeypatch.setattr("drc_export.tensorrt.build_engines", lambda *_, **__: pytest.fail("engines were built"))
    return calls


def test_one_line_says_what_was_written_and_one_what_is_next(given: list[dict[str, object]], drc: Drc) -> None:
    code, out, _ = drc("export", "run", "--out", "mine")
    assert code == 0
    assert out.splitlines() == [
        "mine: 1 files, 2.0 MB, verified against float64 autograd",
        "next: drc run SOURCE --model mine",
    ]
    _, out, _ = drc("export", "run", "--out", "mine", "--no-verify")
    assert out.startswith("mine: 1 files, 2.0 MB, not verified\n")


def test_the_details_are_printed_when_asked_for(given: list[dict[str, object]], drc: Drc) -> None:
    _, out, _ = drc("export", "run", "--out", "mine", "--details")
    lines = [line.split() for line in out.splitlines()]
    assert ["onnxruntime", "render", "mask", "1.0e-06", "2.0e-06", "1.0e-05"] in lines
    assert ["onnxruntime", "CPU", "render"] in lines
    assert "CoreML" in out and "render: Where is not supported and 1 more" in out


def test_json_is_one_object_with_everything(given: list[dict[str, object]], drc: Drc) -> None:
    _, out, _ = drc("export", "run", "--out", "mine", "--json")
    found = json.loads(out)
    assert out.startswith('{\n  "bundle": "mine"') and found.keys() == {
        "bundle",
        "bytes",
        "checks",
        "backends",
        "engines",
    }
    assert found["checks"][0]["error"] == 1e-6 and found["engines"] == []


def test_every_option_is_handed_on(given: list[dict[str, object]], drc: Drc) -> None:
    drc("export", "run", "--out", "mine")
    drc("export", "run", "--out", "mine", "--name", "n", "--torchscript", "--precision", "fp32,fp16", "--overwrite")
    plain = {"run": Path("run"), "bundle": Path("mine"), "name": None, "verified": True}
    assert given[0] == plain | {"overwrite": False, "contents": Contents()}
    contents = Contents(torchscript=True, precisions=("fp32", "fp16"))
    assert given[1] == plain | {"name": "n", "overwrite": True, "contents": contents}


@pytest.mark.parametrize(
    "option",
    [
        ("--name", "n"),
        ("--torchscript",),
        ("--precision", "fp32"),
        ("--overwrite",),
        ("--details",),
        ("--out", "other"),
    ],
    ids=lambda option: option[0],
)
def test_options_that_have_no_effect_on_a_bundle_are_refused(
    option: tuple[str, ...], toy_bundle: Path, given: list[dict[str, object]], drc: Drc
) -> None:
    code, out, err = drc("export", toy_bundle, "--trt", *option)
    assert code == 2 and option[0] in err and err.count("\n") == 1 and not out
    assert given == []


def test_what_cannot_be_exported(toy_bundle: Path, given: list[dict[str, object]], drc: Drc) -> None:
    code, _, err = drc("export", toy_bundle)
    assert code == 2 and "is a bundle" in err and "--trt" in err
    code, _, err = drc("export", toy_bundle, "--out", "other")
    assert code == 2 and "is a bundle" in err
    code, _, err = drc("export", "run")
    assert code == 2 and "--out is missing" in err
    code, _, err = drc("export", "run", "--out", "mine", "--json", "--details")
    assert code == 2 and "--details has no effect" in err
    assert given == []


@pytest.mark.usefixtures("exported")
def test_a_run_becomes_a_bundle_with_the_name_that_is_given(run: Path, tmp_path: Path, drc: Drc) -> None:
    code, out, err = drc("export", run, "--out", tmp_path / "mine", "--name", "cameras", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert Bundle.load(Path(found["bundle"])).manifest.name == "cameras"
    assert {check["graph"] for check in found["checks"]} == {"posterior_step", "render", "prior_step", "initial_latent"}
