"""The command line: quick to start, one line for every error, exit codes that can be relied on."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime import __version__, doctor
from drc_runtime.cli import main as cli
from drc_runtime.cli.main import COMMANDS
from drc_runtime.errors import OutputError
from drc_runtime.pipeline.report import RunReport

ROOT = Path(__file__).resolve().parents[3]
Drc = Callable[..., tuple[int, str, str]]


@pytest.fixture
def drc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Drc:
    """Runs the command line in this process: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["drc", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return call


def process(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, source: str) -> None:
    """Puts a function ``pretended`` of this source behind ``drc train``."""
    name = f"pretended_{time.monotonic_ns()}"
    (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(COMMANDS, "train", COMMANDS["train"]._replace(function=f"{name}:pretended"))


def test_help_lists_every_command_within_a_third_of_a_second() -> None:
    def once() -> float:
        started = time.perf_counter()
        done = process("from drc_runtime.cli.main import main; main()", "--help")
        assert done.returncode == 0 and done.stderr == ""
        for name, command in COMMANDS.items():
            assert name in done.stdout and command.help in done.stdout
        return time.perf_counter() - started

    assert min(once() for _ in range(4)) < 0.3  # the best of four: the machine may be busy


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ()])
def test_help_and_version_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    program = """
import sys
from drc_runtime.cli.main import main
try:
    main()
finally:
    heavy = {"numpy", "cv2", "onnxruntime", "torch", "onnx", "pydantic", "rich", "av"} & set(sys.modules)
    assert not heavy, heavy
"""
    done = process(program, *arguments)
    assert done.returncode == 0, done.stderr


def test_version(drc: Drc) -> None:
    assert drc("--version") == (0, f"drc {__version__}\n", "")


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not command.extra])
def test_every_command_of_the_runtime_has_help(drc: Drc, name: str) -> None:
    code, out, err = drc(name, "--help")
    assert code == 0 and err == ""
    assert out.startswith(f"Usage: drc {name}")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run"], "SOURCE is missing: webcam, sample, a path or an address; drc run --list names the cameras"),
        (["rum"], "No such command 'rum'. Did you mean 'run'? (see drc --help)"),
        (["info", "x", "--jsn"], "--jsn"),
        (["run", "clip.mp4", "--threads", "0"], "--threads"),
        (["run", "clip.mp4", "--mask", "best"], "--mask"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(drc: Drc, arguments: list[str], complaint: str) -> None:
    code, out, err = drc(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("drc: ") and err.count("\n") == 1 and complaint in err


def test_an_error_is_one_line_and_exit_1(drc: Drc, tmp_path: Path) -> None:
    code, out, err = drc("info", str(tmp_path / "no\nbundle\x1b[31m"))
    assert (code, out) == (1, "")
    assert err.startswith("drc: no bundle at ") and err.count("\n") == 1 and "\x1b" not in err


@pytest.mark.parametrize(
    "source",
    ["import package_not_there\ndef pretended(): pass", "def pretended():\n    import package_not_there.inner"],
    ids=["on loading", "inside"],
)
def test_missing_training_packages_are_one_line(
    drc: Drc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    pretend(monkeypatch, tmp_path, source)
    message = 'drc: drc train needs the training packages (package_not_there is missing): pip install "drc[train]"\n'
    assert drc("train") == (1, "", message)


def test_a_bug_is_not_taken_for_a_missing_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, tmp_path, "import drc_train.module_not_there\ndef pretended(): pass")
    monkeypatch.setattr(sys, "argv", ["drc", "train"])
    with pytest.raises(ModuleNotFoundError):
        cli.main()


@pytest.mark.parametrize(
    ("raised", "code"),
    [("KeyboardInterrupt", 130), ("typer.Exit(3)", 3), ("OutputError('disk full')", OutputError.exit_code)],
)
def test_exit_codes(drc: Drc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raised: str, code: int) -> None:
    source = f"import typer\nfrom drc_runtime.errors import OutputError\ndef pretended():\n    raise {raised}"
    pretend(monkeypatch, tmp_path, source)
    result = drc("train")
    assert result[0] == code
    assert result[2] == ("drc: disk full\n" if "disk" in raised else "")


def test_every_command_points_at_a_function_of_the_project() -> None:
    for name, command in COMMANDS.items():
        module, _, function = command.function.partition(":")
        path = ROOT / (module.replace(".", "/") + ".py")
        assert f"def {function}(" in path.read_text(), name


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_is_no_error(toy_bundle: Path, unbuffered: str) -> None:
    program = (
        f"import sys; sys.argv = ['drc', 'info', {str(toy_bundle)!r}]; from drc_runtime.cli.main import main; main()"
    )
    # The pipe is closed before the first byte is written.
    shell = f'{sys.executable} -c "import time; time.sleep(0.3); {program}" | true'
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["bash", "-c", shell], env=environment, capture_output=True, text=True)
    assert done.stderr == ""


def test_info_of_an_intact_bundle(drc: Drc, toy_bundle: Path) -> None:
    code, out, err = drc("info", str(toy_bundle))
    assert (code, err) == (0, "")
    assert "12 x 8" in out and "intact" in out and "[1, 3, 8, 12]" in out and "metric iou" in out
    code, out, _ = drc("info", str(toy_bundle), "--json")
    report = json.loads(out)
    assert code == 0 and report["intact"] is True
    assert report["image_size"] == [8, 12] and report["sampler"]["cold_steps"] == 6
    assert report["graphs"]["posterior_step"]["bytes"] == (toy_bundle / "posterior_step.onnx").stat().st_size


def test_info_of_a_damaged_bundle_still_shows_it(drc: Drc, toy_bundle: Path) -> None:
    with open(toy_bundle / "posterior_step.onnx", "ab") as graph:
        graph.write(b"\0")
    code, out, _ = drc("info", str(toy_bundle))
    assert code == 1 and "is not the file that the manifest describes" in out and "12 x 8" in out
    code, out, _ = drc("info", str(toy_bundle), "--json")
    assert code == 1 and json.loads(out)["intact"] is False


def test_what_a_manifest_says_cannot_steer_the_terminal(drc: Drc, toy_bundle: Path) -> None:
    path = toy_bundle / "manifest.json"
    values = json.loads(path.read_text())
    values["training"]["data"] = "\x1b]0;owned\x07"
    path.write_text(json.dumps(values))
    code, out, _ = drc("info", str(toy_bundle))
    assert code == 0 and "owned" in out and "\x1b" not in out and "\x07" not in out


def test_doctor_finds_this_machine_healthy(drc: Drc) -> None:
    code, out, _ = drc("doctor", "--json")
    report = json.loads(out)
    assert code == 0 and report["healthy"] is True
    found = {check["name"]: check for check in report["checks"]}
    assert {"python", "numpy", "onnxruntime", "opencv", "display", "torch", "tensorrt", "av"} <= set(found)
    assert "CPUExecutionProvider" in found["onnxruntime"]["detail"]
    assert "onnxruntime" in drc("doctor")[1]


def test_doctor_reports_what_is_broken(drc: Drc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # importing it now raises ImportError
    code, out, _ = drc("doctor")
    assert code == 1
    assert any(line.startswith("broken") and "onnxruntime" in line for line in out.splitlines())


def test_doctor_reports_clashing_packages(drc: Drc, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"onnxruntime": "1.0", "onnxruntime-gpu": "1.0"}
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, ""))
    code, out, _ = drc("doctor")
    assert code == 0 and "onnxruntime and onnxruntime-gpu overwrite each other" in out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images: the left half bright, which the toy bundle takes for the foreground."""
    folder = tmp_path / "images"
    folder.mkdir()
    image = np.full((32, 48, 3), 20, np.uint8)
    image[:, :24] = 230
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), image)
    return folder


def test_run_writes_masks_and_says_so(drc: Drc, toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    code, out, err = drc("run", str(folder), "--model", str(toy_bundle), "--masks", str(masks), "--json")
    assert (code, err) == (0, "")  # no progress line where nobody looks
    report = json.loads(out)
    assert report["frames"] == 2 and report["failures"] == [] and report["outputs"] == [str(masks)]
    assert report["foreground_share"] == pytest.approx(0.5) and report["steps"] == 6
    mask = cv2.imread(str(masks / "a.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (32, 48) and (mask[:, :23] == 255).all() and (mask[:, 25:] == 0).all()

    code, out, _ = drc("run", str(folder), "--model", str(toy_bundle), "--masks", str(masks), "--overwrite")
    assert code == 0 and "50.0% of the image" in out and str(masks) in out


def test_run_passes_every_option_on(drc: Drc, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def fake_run(source: str, **options: object) -> RunReport:
        given.update(options, source=source)
        return RunReport()

    monkeypatch.setattr("drc_runtime.pipeline.run.run", fake_run)
    options = "--model m --out o --masks k --soft --steps 5 --mask mixture --background blur --no-display --overwrite --resume"
    backend = ("--engine", "torchscript", "--precision", "fp16")
    images = ("--threshold", "0.25", "--alpha", "--no-audio", "--serve", "8000", "--token", "secret-token", "--vcam")
    live = ("--fps", "30", "--raw", "4x2", "--log", "l")
    learn = ("--learn", "10m", "--keep", "kept")
    assert (
        drc("run", "clip.mp4", *options.split(), *live, *learn, *images, "--threads", "1", "--seed", "7", *backend)[0]
        == 0
    )
    assert callable(given.pop("notice")) and callable(given.pop("learning"))
    assert given == {
        "source": "clip.mp4",
        "model": Path("m"),
        "learn": 600.0,
        "keep": Path("kept"),
        "out": Path("o"),
        "masks": Path("k"),
        "soft": True,
        "steps": 5,
        "fps": 30.0,
        "raw": "4x2",
        "log": Path("l"),
        "mask": "mixture",
        "background": "blur",
        "threshold": 0.25,
        "alpha": True,
        "audio": False,
        "serve": "8000",
        "token": "secret-token",
        "vcam": True,
        "display": False,
        "overwrite": True,
        "resume": True,
        "threads": 1,
        "seed": 7,
        "engine": "torchscript",
        "precision": "fp16",
        "progress": None,
    }


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


def test_run_loads_no_training_package(toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    program = """
import sys
from drc_runtime.cli.main import main
try:
    main()
finally:
    assert not {"torch", "onnx", "skimage", "safetensors"} & set(sys.modules)
"""
    done = process(program, "run", str(folder), "--model", str(toy_bundle), "--masks", str(tmp_path / "masks"))
    assert done.returncode == 0, done.stderr
