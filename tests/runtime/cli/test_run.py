"""``drc run``: its options reach the run, its report is printed, its exit code says how the run ended."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from drc_runtime.pipeline.options import Callbacks, LearnOptions, ModelOptions, OutputOptions, WatchOptions
from drc_runtime.pipeline.report import RunReport

Drc = Callable[..., tuple[int, str, str]]
Process = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the command gave to a run that does nothing."""
    given: dict[str, object] = {}

    def fake_run(source: str, **options: object) -> RunReport:
        given.update(options, source=source)
        return RunReport()

    monkeypatch.setattr("drc_runtime.pipeline.run.run", fake_run)
    monkeypatch.delenv("DRC_TOKEN", raising=False)
    return given


def test_masks_are_written_and_reported(drc: Drc, toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    code, out, err = drc("run", str(folder), "--model", str(toy_bundle), "--masks", str(masks), "--json")
    assert (code, err) == (0, "")  # no progress bar where stderr is no terminal
    report = json.loads(out)
    assert report["frames"] == 2 and report["failures"] == [] and report["outputs"] == [str(masks)]
    assert report["foreground_share"] == pytest.approx(0.5) and report["steps"] == 6 and report["learned"] is None
    mask = cv2.imread(str(masks / "a.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (32, 48) and (mask[:, :23] == 255).all() and (mask[:, 25:] == 0).all()

    code, out, _ = drc("run", str(folder), "--model", str(toy_bundle), "--masks", str(masks), "--overwrite")
    assert code == 0 and "50.0% of the image" in out and str(masks) in out


def test_every_option_is_passed_on(drc: Drc, given: dict[str, object]) -> None:
    options = """
        --model m --engine torchscript --precision fp16 --mask mixture --steps 5 --threads 1 --seed 7
        --out o --masks k --soft --background blur --threshold 0.25 --no-audio --log l --overwrite --resume
        --serve 8000 --token secret-token --vcam --no-display --learn 10m --keep kept --raw 4x2
    """
    assert drc("run", "clip.mp4", *options.split())[0] == 0
    callbacks = given.pop("callbacks")
    assert isinstance(callbacks, Callbacks) and callable(callbacks.learning) and callable(callbacks.notice)
    assert given == {
        "source": "clip.mp4",
        "model": ModelOptions(
            bundle=Path("m"),
            engine="torchscript",
            precision="fp16",
            mask="mixture",
            steps=5,
            threads=1,
            seed=7,
        ),
        "outputs": OutputOptions(
            out=Path("o"),
            masks=Path("k"),
            soft=True,
            audio=False,
            background="blur",
            threshold=0.25,
            log=Path("l"),
            overwrite=True,
            resume=True,
        ),
        "watch": WatchOptions(serve="8000", token="secret-token", vcam=True, display=False),
        "learn": LearnOptions(seconds=600.0, keep=Path("kept")),
        "raw": "4x2",
    }


def test_the_other_options_are_passed_on(drc: Drc, given: dict[str, object]) -> None:
    assert drc("run", "clip.mp4", "--fps", "30", "--out", "o.mov", "--alpha", "--audio")[0] == 0
    assert given["model"] == ModelOptions(rate=30.0)
    assert given["outputs"] == OutputOptions(out=Path("o.mov"), alpha=True, audio=True)


def test_what_is_not_given_is_not_passed_on(drc: Drc, given: dict[str, object]) -> None:
    assert drc("run", "clip.mp4")[0] == 0
    del given["callbacks"]
    assert given == {
        "source": "clip.mp4",
        "model": ModelOptions(),
        "outputs": OutputOptions(),
        "watch": WatchOptions(),
        "learn": None,
        "raw": None,
    }


@pytest.mark.parametrize(
    ("arguments", "token"),
    [
        ("", None),
        ("--serve 8000", "of the environment"),
        ("--serve 8000 --token typed", "typed"),
    ],
)
def test_a_token_of_the_environment_is_used_only_with_serve(
    drc: Drc, given: dict[str, object], monkeypatch: pytest.MonkeyPatch, arguments: str, token: str | None
) -> None:
    monkeypatch.setenv("DRC_TOKEN", "of the environment")
    assert drc("run", "clip.mp4", *arguments.split())[0] == 0
    watch = given["watch"]
    assert isinstance(watch, WatchOptions) and watch.token == token


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "SOURCE is missing: webcam, sample, a path or an address; drc cameras lists the cameras"),
        ("clip.mp4 --keep kept", "--keep"),
        ("clip.mp4 --learn soon", "--learn soon"),
    ],
)
def test_wrong_usage_is_refused_before_the_run(
    drc: Drc, given: dict[str, object], arguments: str, complaint: str
) -> None:
    code, out, err = drc("run", *arguments.split())
    assert (code, out, given) == (2, "", {})
    assert err.startswith("drc: ") and complaint in err


@pytest.mark.parametrize(
    ("report", "code", "complaint"),
    [
        (RunReport(frames=1, failures=["bad.jpg is cut short"]), 1, "drc: bad.jpg is cut short\n"),
        (RunReport(frames=1, interrupted=True, signal=2), 130, ""),
        (RunReport(frames=1, interrupted=True, signal=15), 143, ""),
        (RunReport(frames=1, interrupted=True, signal=2, live=True), 0, ""),
        (RunReport(frames=1, interrupted=True, signal=15, live=True), 0, ""),
    ],
    ids=["a failed item", "Ctrl-C", "SIGTERM", "Ctrl-C ends a camera", "SIGTERM ends a camera"],
)
def test_the_exit_code_says_how_a_run_ended(
    drc: Drc, monkeypatch: pytest.MonkeyPatch, report: RunReport, code: int, complaint: str
) -> None:
    monkeypatch.setattr("drc_runtime.pipeline.run.run", lambda source, **options: report)
    result = drc("run", "folder")
    assert (result[0], result[2]) == (code, complaint)
    assert "frames" in result[1]


def test_a_report_shows_what_happened_and_leaves_out_what_did_not(drc: Drc, monkeypatch: pytest.MonkeyPatch) -> None:
    report = RunReport(frames=10, seconds=2.0, skipped=3, dropped=4, reconnects=5, state="lost", learned=Path("b"))
    report.age_p50, report.age_p95, report.first_mask_seconds = 11.0, 12.0, 0.5
    report.milliseconds_p50, report.milliseconds_p95, report.steps = 6.0, 7.0, 8
    reports = [report, RunReport()]
    monkeypatch.setattr("drc_runtime.pipeline.run.run", lambda source, **options: reports.pop(0))
    rows = dict(line.split(maxsplit=1) for line in drc("run", "webcam")[1].splitlines() if not line.startswith("first"))
    assert rows["frames"] == "10 in 2.0 s, 5.0 frames/s" and rows["learned"] == "b"
    assert rows["skipped"].startswith("3 ") and rows["dropped"].startswith("4 ")
    assert rows["reconnects"] == "5; lost at the end" and rows["age"].startswith("11.0 ms")
    assert rows["latency"] == "6.0 ms a frame, p95 7.0 ms, 8 steps a frame"
    assert drc("run", "webcam")[1] == "frames  0 in 0.0 s\n"


def test_no_training_package_is_loaded(process: Process, toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    program = """
import sys
from drc_runtime.cli import main
try:
    main()
finally:
    assert not {"torch", "onnx", "skimage", "safetensors"} & set(sys.modules)
"""
    masks = tmp_path / "masks"
    done = process("-c", program, "run", str(folder), "--model", str(toy_bundle), "--masks", str(masks))
    assert done.returncode == 0 and (masks / "b.png").exists(), done.stderr
