"""The whole way: source, toy model (bright pixels are foreground), outputs, report."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError, SourceError, UsageError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.options import Sampling
from drc_runtime.pipeline import model_choice
from drc_runtime.pipeline import run as run_module
from drc_runtime.pipeline.job_file import JOB_FILE
from drc_runtime.pipeline.report import RunReport
from drc_runtime.samples import sample_bundle
from drc_runtime.sinks import av_video as video_file
from drc_runtime.sources import decoder as decoding
from drc_runtime.sources.open import open_source
from tests.flat_run import run_with
from tests.videos import write_video

ROOT = Path(run_module.__file__).parents[2]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames (48, 64): a white square moves over black, 4 columns a frame."""
    images = np.zeros((10, 48, 64, 3), np.uint8)
    for index, image in enumerate(images):
        image[16:32, 4 * index : 4 * index + 16] = 255
    return write_video(tmp_path / "clip.avi", images)


@pytest.fixture
def go(toy_bundle: Path):
    def start(source: object, **options: object) -> RunReport:
        return run_with(source, bundle=toy_bundle, **options)

    return start


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_video_gives_one_mask_for_each_frame_that_follows_the_foreground(go, clip: Path, tmp_path: Path) -> None:
    report = go(clip, masks=tmp_path / "masks")
    assert names(tmp_path / "masks") == [f"{index:05d}.png" for index in range(10)]
    for index in range(10):
        mask = read(tmp_path / "masks" / f"{index:05d}.png")
        assert mask.shape == (48, 64) and set(np.unique(mask)) == {0, 255}
        truth = np.zeros((48, 64), bool)
        truth[16:32, 4 * index : 4 * index + 16] = True
        assert ((mask > 0) & truth).sum() / ((mask > 0) | truth).sum() > 0.75  # the network sees 8x12
    assert (report.frames, report.failures, report.dropped, report.interrupted) == (10, [], 0, False)
    assert report.outputs == [tmp_path / "masks"]
    assert abs(report.foreground_share - 256 / (48 * 64)) < 0.01
    assert 0 < report.first_mask_seconds <= report.seconds
    assert 0 < report.milliseconds_p50 <= report.milliseconds_p95


def test_a_video_gives_a_video_of_the_same_length_with_the_foreground_lifted_out(go, clip: Path, tmp_path) -> None:
    go(clip, out=tmp_path / "out.mp4", masks=tmp_path / "masks", soft=True)
    with open_source(str(tmp_path / "out.mp4")) as written:
        images = [frame.image for frame in written]
        assert written.rate == 25
    assert len(images) == 10 == len(names(tmp_path / "masks"))
    assert images[3][20:28, 16:24].min() > 200 and images[3][40:].max() < 40
    assert len(np.unique(read(tmp_path / "masks" / "00003.png"))) > 2


def test_videos_are_tracked_and_images_start_cold(go, clip: Path, tmp_path: Path, image, save) -> None:
    taken: list[tuple[str, int]] = []

    def progress(done: int, total: int | None) -> None:
        taken.append((done, total))

    assert go(clip, masks=tmp_path / "masks", progress=progress).steps == 2  # the toy's track_steps
    assert taken == [(index, 10) for index in range(1, 11)]
    path = save(tmp_path / "a.png", image)
    assert go(path, masks=tmp_path / "one").steps == 6  # its cold_steps
    assert go(path, masks=tmp_path / "two", steps=3).steps == 3


def test_an_image_gives_a_cut_out(go, tmp_path: Path, image, save) -> None:
    path = save(tmp_path / "a.png", image)
    go(path, out=tmp_path / "cut.png", masks=tmp_path / "masks")
    rgba = cv2.cvtColor(read(tmp_path / "cut.png"), cv2.COLOR_BGRA2RGBA)
    np.testing.assert_array_equal(rgba[..., :3], image)
    assert rgba[12:20, 14:26, 3].min() > 180 and rgba[28:, :, 3].max() < 50
    np.testing.assert_array_equal(read(tmp_path / "masks" / "a.png"), np.where(rgba[..., 3] >= 128, 255, 0))


def test_an_image_of_one_pixel(go, tmp_path: Path, save) -> None:
    path = save(tmp_path / "dot.png", np.full((1, 1, 3), 255, np.uint8))
    report = go(path, out=tmp_path / "cut.png", masks=tmp_path / "masks")
    assert report.frames == 1 and report.foreground_share == 1.0
    assert read(tmp_path / "cut.png").shape == (1, 1, 4)
    np.testing.assert_array_equal(read(tmp_path / "masks" / "dot.png"), [[255]])


def test_a_folder_with_a_bad_image_gives_the_others_and_a_failure(go, tmp_path: Path, image, save) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.png", "b.jpg", "c.png"):
        save(images / name, image)
    (images / "b.jpg").write_bytes((images / "b.jpg").read_bytes()[:-60])
    report = go(images, out=tmp_path / "cut", masks=tmp_path / "masks")
    assert names(tmp_path / "cut") == names(tmp_path / "masks") == [JOB_FILE, "a.png", "c.png"]
    assert report.frames == 2 and len(report.failures) == 1 and "b.jpg is cut short" in report.failures[0]


def test_a_folder_of_nothing_but_bad_images_writes_nothing(go, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("text")
    report = go(tmp_path / "images", masks=tmp_path / "masks")
    assert (report.frames, report.outputs, len(report.failures)) == (0, [], 1)
    assert report.first_mask_seconds is None and report.milliseconds_p50 is None


def test_nothing_to_write_and_no_display_is_a_usage_error(go, clip: Path, monkeypatch) -> None:
    with pytest.raises(UsageError, match="add --out PATH or --masks DIR"):
        go(clip)
    monkeypatch.setattr(run_module, "display_available", lambda: False)
    with pytest.raises(UsageError, match="add --out PATH or --masks DIR"):
        go(clip, display=True)


def test_the_input_survives_being_named_as_output(go, clip: Path) -> None:
    before = clip.read_bytes()
    with pytest.raises(UsageError, match="is an input of this run"):
        go(clip, out=clip, overwrite=True)
    assert clip.read_bytes() == before


def test_an_existing_output_is_kept_unless_overwriting_is_asked_for(go, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.avi"
    out.write_bytes(b"precious")
    with pytest.raises(UsageError, match="--overwrite"):
        go(clip, out=out)
    with pytest.raises(UsageError, match="was not written by drc"):
        go(clip, out=out, overwrite=True)
    assert out.read_bytes() == b"precious"
    out.unlink()
    for _ in range(2):
        assert go(clip, out=out, overwrite=True).outputs == [out]
    assert out.stat().st_size > 1000


@pytest.mark.parametrize("outputs", [{"out": "o.avi"}, {"masks": "m"}, {"out": "o.avi", "masks": "m"}])
def test_a_second_run_into_the_same_place_is_refused(go, clip: Path, tmp_path: Path, outputs: dict[str, str]) -> None:
    options = {name: tmp_path / place for name, place in outputs.items()}
    refused: list[str] = []

    def second(done: int, total: int | None) -> None:
        if not refused:
            with pytest.raises(UsageError, match="another drc writes|is not empty") as error:
                go(clip, **options)
            refused.append(str(error.value))

    report = go(clip, **options, progress=second)
    assert refused and report.failures == []
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_masks_of_a_longer_video_do_not_stay(go, make_video, tmp_path: Path) -> None:
    for name, frames in (("long.avi", 6), ("short.avi", 3)):
        go(make_video(name, frames=frames), masks=tmp_path / "masks", overwrite=True)
        (tmp_path / "masks" / "notes.txt").write_text("mine")
    assert names(tmp_path / "masks") == ["00000.png", "00001.png", "00002.png", "notes.txt"]


def test_images_with_one_name_are_refused_before_anything_is_written(go, tmp_path: Path, image, save) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "a.jpg"):
        save(tmp_path / "images" / name, image)
    with pytest.raises(SourceError, match="rename one"):
        go(tmp_path / "images", masks=tmp_path / "masks")
    assert not (tmp_path / "masks").exists()


@pytest.mark.parametrize("options", [{"steps": 0}, {"mask": "best"}, {"background": "nowhere"}])
def test_impossible_options_are_refused_before_anything_is_written(go, clip, tmp_path, options) -> None:
    with pytest.raises(UsageError):
        go(clip, out=tmp_path / "out.mp4", masks=tmp_path / "masks", **options)
    assert names(tmp_path) == ["clip.avi", "toy-bundle"]


def test_a_decoder_that_aborts_midway_leaves_no_video(go, clip: Path, tmp_path: Path, monkeypatch) -> None:
    source = decoding.PROGRAM.read_text()
    program = tmp_path / "decoder.py"
    aborting = "        if position == 4:\n            os.abort()\n"
    loop = "    for position, seconds, frame in media.frames():\n"
    assert loop in source
    program.write_text(source.replace(loop, loop + aborting))
    monkeypatch.setattr(decoding, "PROGRAM", program)
    with pytest.raises(SourceError, match="crashed with SIGABRT after 4 frames"):
        go(clip, out=tmp_path / "out.mp4", masks=tmp_path / "masks")
    assert not (tmp_path / "out.mp4").exists() and (tmp_path / "out.mp4.part").exists()
    assert names(tmp_path / "masks") == [f"{index:05d}.png" for index in range(4)]  # whole files stay


def test_a_sink_that_fails_midway_ends_the_run_and_leaves_nothing_half_written(go, clip, tmp_path, monkeypatch) -> None:
    def fail_at_third(image: np.ndarray, size: tuple[int, int], counter: list[int] = [0]) -> np.ndarray:  # noqa: B006
        counter[0] += 1
        if counter[0] == 3:
            raise OutputError("the disk is gone")
        return image

    monkeypatch.setattr(video_file, "fit", fail_at_third)
    with pytest.raises(OutputError, match="the disk is gone"):
        go(clip, out=tmp_path / "out.avi")
    visible = [name for name in names(tmp_path) if not name.startswith(".")]  # the lock stays beside the part
    assert visible == ["clip.avi", "out.avi.part", "toy-bundle"]


def test_ctrl_c_keeps_what_is_finished(go, clip: Path, tmp_path: Path) -> None:
    def press(done: int, total: int | None) -> None:
        if done == 6:
            raise KeyboardInterrupt

    report = go(clip, out=tmp_path / "out.mp4", masks=tmp_path / "masks", progress=press)
    assert report.interrupted and report.frames == 6 and report.failures == []
    assert len(names(tmp_path / "masks")) == 6
    with open_source(str(tmp_path / "out.mp4")) as written:
        assert len(list(written)) == 6


CTRL_C = """
import sys
from pathlib import Path
from tests.flat_run import run_with
clip, bundle, out = sys.argv[1:]
def progress(done, total):
    if done == 5:
        print("running", flush=True)
report = run_with(clip, bundle=bundle, out=Path(out), progress=progress)
print(report.interrupted, report.frames)
"""


def heed_interrupts() -> None:
    """A shell starts its background jobs deaf to Ctrl-C, and the tests may be one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal the POSIX way")
def test_ctrl_c_in_the_terminal_reaches_the_run_and_not_its_decoder(make_video, toy_bundle, tmp_path: Path) -> None:
    clip = make_video("long.avi", frames=4000)
    command = [sys.executable, "-c", CTRL_C, str(clip), str(toy_bundle), str(tmp_path / "out.avi")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        interrupted, frames = process.communicate(timeout=30)[0].split()
    assert interrupted == "True" and process.returncode == 0
    with open_source(str(tmp_path / "out.avi")) as written:
        assert 5 <= written.count == int(frames) < 4000


def test_a_mask_folder_that_cannot_be_made_is_an_output_error(go, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        go(clip, masks=tmp_path / "file" / "masks", out=tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists() and not list(tmp_path.glob(".*"))


def test_the_sample_runs_its_own_bundle_into_a_file_of_its_own(
    clip: Path, toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    asked = []
    monkeypatch.setattr(model_choice, "sample_bundle", lambda name: asked.append(name) or toy_bundle)
    monkeypatch.setattr("drc_runtime.sources.open.sample_path", lambda name: asked.append(name) or clip)
    assert run_with("sample").outputs == [Path("drc-sample.mp4")]
    assert run_with("sample:sprites").outputs == [Path("drc-sample-sprites.mp4")]
    assert asked == ["scene", "scene", "sprites", "sprites"]
    assert names(here) == ["drc-sample-sprites.mp4", "drc-sample.mp4"]
    asked.clear()
    run_with(clip, masks=here / "masks")
    assert asked == ["fixed-camera"]


def test_the_window_opens_when_nothing_is_written_and_quits_the_run(go, clip, tmp_path, monkeypatch) -> None:
    opened = []

    class FakeWindow:
        closed = False

        def __init__(self, view, controls, figures, *, rate, live) -> None:
            opened.append((rate, live))
            self.frames = 0

        def write(self, frame, extraction) -> None:
            self.frames += 1
            self.closed = self.frames == 4

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None:
            opened.append("closed")

    monkeypatch.setattr(run_module, "WindowSink", FakeWindow)
    monkeypatch.setattr(run_module, "display_available", lambda: True)
    assert go(clip, display=True).frames == 4
    assert opened == [(25, False), "closed"]
    assert go(clip, display=True, masks=tmp_path / "masks").frames == 10
    assert len(opened) == 2


def test_the_seed_decides_the_noise_and_the_options_reach_the_extractor(go, clip, tmp_path, monkeypatch) -> None:
    made = []

    class Recorded(Extractor):
        def __init__(self, bundle, **options) -> None:
            made.append(options)
            super().__init__(bundle, **options)

    monkeypatch.setattr("drc_runtime.inference.extractor.Extractor", Recorded)
    go(clip, masks=tmp_path / "masks", seed=5, mask="mixture")
    expected = {"threads": 1, "mask": "mixture", "seed": 5, "engine": "onnxruntime", "precision": "fp32"}
    assert made == [expected | {"sampling": Sampling(), "refine": "cut"}]
    assert read(tmp_path / "masks" / "00000.png").min() == 255  # pi_f is one half everywhere, and one half counts


def test_no_process_and_no_file_stay_open(go, clip: Path, tmp_path: Path) -> None:
    if not (descriptors := Path("/proc/self/fd")).exists():
        pytest.skip("counting open files takes /proc")
    go(clip, masks=tmp_path / "warm", out=tmp_path / "warm.mp4")
    gc.collect()
    before = len(os.listdir(descriptors))
    for index in range(4):
        go(clip, masks=tmp_path / f"masks{index}", out=tmp_path / f"{index}.mp4")
    gc.collect()
    # one more may be a library's, opened late; one for each run would be four
    assert len(os.listdir(descriptors)) - before < 4


def test_the_threshold_decides_masks(go, tmp_path: Path, save) -> None:
    # sigmoid(sum of the channels in [-1, 1]): 170 gives the log-odds 1
    path = save(tmp_path / "a.png", np.full((32, 48, 3), 170, np.uint8))
    go(path, masks=tmp_path / "low", threshold=0.6)
    go(path, masks=tmp_path / "high", threshold=0.95)
    assert read(tmp_path / "low" / "a.png").min() == 255 and read(tmp_path / "high" / "a.png").max() == 0


def test_masks_of_images_are_refined_unless_that_is_refused(go, tmp_path: Path, save) -> None:
    picture = np.random.default_rng(0).integers(0, 50, (48, 64, 3), np.uint8)
    picture[10:38, 16:48] += np.linspace(205, 90, 32).astype(np.uint8)[:, None]
    path = save(tmp_path / "a.png", picture)
    for name in ("none", "cut", None):
        go(path, masks=tmp_path / str(name), refine=name)
    shares = [int((read(tmp_path / str(name) / "a.png") > 0).sum()) for name in ("none", "cut", None)]
    assert shares[0] < 800 < shares[1] == shares[2] <= 28 * 32


def test_alpha_as_a_folder_of_cut_outs_and_as_a_video(go, clip: Path, tmp_path: Path) -> None:
    go(clip, out=tmp_path / "cut", alpha=True)
    assert names(tmp_path / "cut") == [f"{index:05d}.png" for index in range(10)]
    assert read(tmp_path / "cut" / "00002.png").shape == (48, 64, 4)
    pytest.importorskip("av")
    go(clip, out=tmp_path / "cut.mov", alpha=True)
    assert (tmp_path / "cut.mov").exists()


def test_alpha_that_cannot_be_is_refused_before_the_first_frame(go, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no transparency; use \.mov or \.webm"):
        go(clip, masks=tmp_path / "masks", out=tmp_path / "a.mp4", alpha=True)
    assert names(tmp_path) == ["clip.avi", "toy-bundle"]


def test_a_video_without_a_model_takes_that_of_any_fixed_camera_and_says_so(clip: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run_with(clip, masks=tmp_path / "masks", notice=said.append)
    assert said == ["model: fixed-camera, for any fixed camera; --learn 10m learns one of this camera"]


def test_an_image_without_a_model_is_refused_with_the_way_out(tmp_path: Path, save, image) -> None:
    save(tmp_path / "a.png", image)
    with pytest.raises(UsageError, match="name one with --model"):
        run_with(tmp_path / "a.png", masks=tmp_path / "masks")
    with pytest.raises(UsageError, match="for images take another --model"):
        run_with(tmp_path / "a.png", masks=tmp_path / "masks", bundle=sample_bundle("fixed-camera"))
