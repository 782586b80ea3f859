"""An option that has no effect in a call is refused before anything is written; the others pass."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.engines import ENGINES
from drc_runtime.errors import UsageError
from drc_runtime.pipeline.options import GPU_ENGINES, LearnOptions, ModelOptions, parse_duration
from tests.flat_run import run_with
from tests.mjpeg_server import MJPEGServer

LEARN = LearnOptions(60)


@pytest.fixture
def place(tmp_path: Path, make_video: Callable[..., Path], save, image: np.ndarray, monkeypatch) -> Path:
    """The current folder, with a video, an image, and a folder of images."""
    monkeypatch.chdir(tmp_path)
    make_video("clip.avi", frames=3)
    save(tmp_path / "a.png", image)
    (tmp_path / "images").mkdir()
    save(tmp_path / "images" / "b.png", image)
    save(tmp_path / "images" / "c.png", image)
    return tmp_path


def paths(options: dict[str, object]) -> dict[str, object]:
    return {name: Path(it) if name in ("out", "masks", "log") else it for name, it in options.items()}


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        # out of range
        ("clip.avi", {"masks": "m", "steps": 0}, "--steps 0 is too few"),
        ("clip.avi", {"masks": "m", "rate": 0}, "--fps 0 is out of range"),
        ("clip.avi", {"masks": "m", "rate": -1}, "--fps -1 is out of range"),
        ("clip.avi", {"masks": "m", "rate": 1001}, "--fps 1001 is out of range"),
        ("clip.avi", {"masks": "m", "rate": float("nan")}, "--fps nan is out of range"),
        ("clip.avi", {"masks": "m", "threads": 0}, "--threads 0: use 1 to"),
        ("clip.avi", {"masks": "m", "threshold": 0}, "--threshold 0 is out of range"),
        ("clip.avi", {"masks": "m", "threshold": 1}, "--threshold 1 is out of range"),
        # the model
        ("clip.avi", {"masks": "m", "steps": 2, "rate": 25}, "--fps chooses the number of steps, and --steps sets it"),
        (
            "clip.avi",
            {"masks": "m", "engine": "onnxruntime-cuda"},
            "--threads has no effect with --engine onnxruntime-cuda",
        ),
        ("clip.avi", {"masks": "m", "engine": "tensorrt"}, "--threads has no effect with --engine tensorrt"),
        ("a.png", {"masks": "m", "rate": 25}, "--fps is for cameras, streams and videos"),
        ("images", {"masks": "m", "rate": 25}, "--fps is for cameras, streams and videos"),
        # learning
        (
            "clip.avi",
            {"masks": "m", "learn": LEARN, "bundle": "toy-bundle"},
            "--model names a bundle, and --learn makes one",
        ),
        ("clip.avi", {"masks": "m", "learn": LEARN, "engine": "torchscript"}, "--engine torchscript does not run"),
        ("clip.avi", {"masks": "m", "learn": LEARN, "engine": "abacus"}, "--engine abacus does not run"),
        ("clip.avi", {"masks": "m", "learn": LEARN, "precision": "fp16"}, "--learn makes graphs in fp32, not in fp16"),
        ("a.png", {"masks": "m", "learn": LEARN}, "--learn is for a camera, a stream or a video"),
        # what is written
        ("clip.avi", {"out": "o.avi", "soft": True}, "--soft is for masks"),
        ("clip.avi", {"masks": "m", "alpha": True}, "--alpha needs --out"),
        ("clip.avi", {"out": "o", "alpha": True, "background": "green"}, "takes no --background"),
        ("a.png", {"out": "o.png", "alpha": True}, "--alpha is for cameras, streams and videos"),
        ("images", {"out": "o", "alpha": True}, "--alpha is for cameras, streams and videos"),
        ("clip.avi", {"masks": "m", "background": "green"}, "--background has no effect on masks"),
        ("clip.avi", {"masks": "m", "background": "overlay"}, "--background has no effect on masks"),
        ("clip.avi", {"masks": "m", "background": "green", "display": True}, "--background has no effect on masks"),
        ("images", {"masks": "m", "background": "green"}, "--background has no effect on masks"),
        ("clip.avi", {"masks": "m", "soft": True, "threshold": 0.4}, "--threshold has no effect on masks with --soft"),
        ("images", {"masks": "m", "soft": True, "threshold": 0.5}, "--threshold has no effect on masks with --soft"),
        ("clip.avi", {"masks": "m", "audio": False}, "--no-audio is for a video file that becomes a video"),
        ("clip.avi", {"masks": "m", "audio": True}, "--audio is for a video file that becomes a video"),
        ("clip.avi", {"out": "o.avi", "audio": False}, "--no-audio is for a video file"),
        ("clip.avi", {"out": "o", "alpha": True, "audio": True}, "--audio is for a video file"),
        ("a.png", {"out": "o.png", "audio": False}, "--no-audio is for a video file"),
        ("images", {"out": "o", "audio": True}, "--audio is for a video file"),
        ("clip.avi", {"masks": "m", "resume": True}, "--resume continues a folder of images"),
        ("a.png", {"masks": "m", "resume": True}, "--resume continues a folder of images"),
        ("images", {"resume": True}, "--resume continues what an earlier run wrote"),
        # who watches
        ("clip.avi", {"masks": "m", "token": "long-enough-token"}, "--token is for the page"),
        ("a.png", {"masks": "m", "vcam": True}, "--serve and --vcam show cameras, streams and videos"),
        ("images", {"masks": "m", "vcam": True}, "--serve and --vcam show cameras, streams and videos"),
        ("clip.avi", {"masks": "m", "raw": "4x2"}, "--raw describes frames on standard input"),
        ("clip.avi", {}, "nothing to write and no display"),
        ("clip.avi", {"background": "green"}, "nothing to write and no display"),
    ],
)
def test_what_has_no_effect_is_refused(place: Path, toy_bundle: Path, source: str, options: dict, message: str) -> None:
    before = sorted(place.iterdir())
    model = {} if "learn" in options else {"bundle": toy_bundle}
    with pytest.raises(UsageError) as refusal:
        run_with(source, **{**model, **paths(options)})
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("clip.avi", {"masks": "m", "rate": 25}),
        ("clip.avi", {"masks": "m", "steps": 1, "seed": 7, "mask": "mixture"}),
        ("clip.avi", {"masks": "m", "soft": True}),
        ("clip.avi", {"masks": "m", "threshold": 0.4}),
        ("clip.avi", {"out": "o.avi", "threshold": 0.4, "background": "overlay"}),
        ("clip.avi", {"out": "o.avi", "masks": "m", "soft": True, "threshold": 0.4, "background": "blur"}),
        ("clip.avi", {"out": "o", "alpha": True}),
        ("a.png", {"out": "o.png", "background": "green", "threshold": 0.4, "steps": 1}),
        ("images", {"out": "o", "masks": "m", "resume": True}),
        ("images/*.png", {"masks": "m", "resume": True, "overwrite": True}),
        ("clip.avi", {"masks": "m", "display": True, "overwrite": True, "log": "l"}),
    ],
)
def test_what_has_an_effect_passes(place: Path, toy_bundle: Path, source: str, options: dict) -> None:
    report = run_with(source, bundle=toy_bundle, **paths(options))
    assert report.frames >= 1 and report.failures == []
    assert report.outputs == [Path(options[it]) for it in ("out", "masks") if it in options]


def test_a_window_shows_the_background_of_a_camera(place: Path, toy_bundle: Path, monkeypatch) -> None:
    """Whether this machine has a display does not decide what is allowed."""
    monkeypatch.setattr("drc_runtime.pipeline.run.display_available", lambda: False)

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    seen = {"background": "green", "threshold": 0.4, "soft": True}
    with MJPEGServer(lambda index: np.zeros((48, 64, 3), np.uint8)) as camera:
        options = {"bundle": toy_bundle, "masks": Path("m"), "progress": stop}
        assert run_with(camera.address, **options, **seen, display=True).frames == 1
        with pytest.raises(UsageError, match="--background has no effect"):
            run_with(camera.address, **options, **seen)
        with pytest.raises(UsageError, match="--no-audio is for a video file"):
            run_with(camera.address, bundle=toy_bundle, out=Path("o.mp4"), audio=False)


def test_the_page_is_for_what_moves(place: Path, toy_bundle: Path) -> None:
    pytest.importorskip("uvicorn")
    with pytest.raises(UsageError, match="show cameras, streams and videos"):
        run_with("a.png", bundle=toy_bundle, serve="0")
    options = {"background": "green", "threshold": 0.4, "masks": Path("m"), "soft": True}
    assert run_with("clip.avi", bundle=toy_bundle, serve="0", token="long-enough-token", **options).frames == 3


@pytest.mark.parametrize("audio", [True, False])
def test_sound_is_for_videos_that_keep_it(place: Path, toy_bundle: Path, audio: bool) -> None:
    assert run_with("clip.avi", bundle=toy_bundle, out=Path("o.mp4"), audio=audio).frames == 3


def test_the_engines_on_the_gpu_are_engines() -> None:
    assert set(ENGINES) > GPU_ENGINES
    for engine in ENGINES.keys() - GPU_ENGINES:
        ModelOptions(engine=engine, threads=2)
    for engine in GPU_ENGINES:
        ModelOptions(engine=engine)


def test_options_do_not_change(toy_bundle: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        ModelOptions().steps = 3


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), ("1.5m", 90)])
def test_durations(text: str, seconds: float) -> None:
    assert LearnOptions(parse_duration(text)).seconds == seconds


@pytest.mark.parametrize("text", ["", "10", "10 minutes", "-5m", "59s", "1e9h", "m"])
def test_durations_that_are_none_or_too_short(text: str) -> None:
    with pytest.raises(UsageError, match="--learn"):
        LearnOptions(parse_duration(text))
