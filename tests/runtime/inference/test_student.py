"""The student of a bundle: one pass for each frame, in images, videos and folders; and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference import cut
from drc_runtime.inference.cut import Refined
from drc_runtime.inference.student import StudentExtractor
from tests.toy_student import OWN, bundle_with, student_graph
from tests.videos import write_video


@pytest.fixture
def student_bundle(tmp_path: Path, toy_graph: bytes) -> Path:
    return bundle_with(tmp_path / "taught", toy_graph, student_graph())


def halves(left: int, right: int) -> np.ndarray:
    image = np.full((32, 48, 3), right, np.uint8)
    image[:, :24] = left
    return image


def test_a_mask_has_the_size_of_its_image(student_bundle: Path) -> None:
    extraction = StudentExtractor(student_bundle, threads=1).extract(halves(250, 5))
    assert extraction.mask.shape == (32, 48)
    assert (extraction.mask[:, :20] == 255).all() and not extraction.mask[:, 28:].any()
    assert (extraction.steps, extraction.log_posterior) == (0, None)
    assert set(extraction.milliseconds) == {"student", "mask"}


def test_a_mask_is_cut_again_if_asked_for(student_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "refine", lambda image, it: Refined(255 - it, 0.4, it))
    plain, again = (
        StudentExtractor(student_bundle, threads=1, refine=it).extract(halves(250, 5)) for it in ("none", "cut")
    )
    assert np.array_equal(again.probability, 255 - plain.probability) and "refine" in again.milliseconds
    assert (plain.agreement, again.agreement) == (None, 0.4)
    assert plain.disagreement is None and np.array_equal(again.disagreement, plain.probability)
    with pytest.raises(UsageError, match="--refine blur"):
        StudentExtractor(student_bundle, refine="blur")


def test_frames_of_a_video_know_nothing_of_each_other(
    student_bundle: Path, tmp_path: Path, drc: Callable[..., tuple[int, str, str]]
) -> None:
    frames = [halves(250, 5), halves(5, 250), halves(250, 5)]
    write_video(tmp_path / "clip.avi", frames)
    masks, log = tmp_path / "masks", tmp_path / "log.jsonl"
    given = ("--model", str(student_bundle), "--student", "--masks", str(masks), "--log", str(log), "--no-display")
    code, out, err = drc("run", str(tmp_path / "clip.avi"), *given)
    assert code == 0, err
    assert "steps a frame" not in out
    found = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(masks.glob("*.png"))]
    assert [bool(mask[16, 8]) for mask in found] == [True, False, True]
    assert [bool(mask[16, 40]) for mask in found] == [False, True, False]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["steps"] for line in lines if "frame" in line] == [0, 0, 0]
    assert all(line["log_posterior"] is None for line in lines if "frame" in line)


def test_a_folder_is_resumed_only_with_the_same_choice(
    student_bundle: Path, tmp_path: Path, drc: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), halves(250, 5))
    given = (str(tmp_path / "images"), "--model", str(student_bundle), "--masks", str(tmp_path / "masks"))
    assert drc("run", *given, "--student", "--no-display")[0] == 0
    code, _, err = drc("run", *given, "--resume", "--no-display")
    assert code == 2 and "--resume" in err
    assert drc("run", *given, "--student", "--resume", "--no-display")[0] == 0


def test_a_bundle_without_one_names_the_way_out(toy_bundle: Path) -> None:
    with pytest.raises(UsageError, match=r"--student: the model 'toy' has none; drc train FOLDER --out RUN --student"):
        StudentExtractor(toy_bundle)


def test_a_graph_that_gives_no_plane_is_refused(tmp_path: Path, toy_graph: bytes) -> None:
    shape = (1, OWN[0] * OWN[1])
    bundle = bundle_with(tmp_path / "flat", toy_graph, student_graph(shape), shape)
    with pytest.raises(EngineError, match="no plane"):
        StudentExtractor(bundle, threads=1).extract(halves(250, 5))


def test_values_that_are_not_finite_are_refused(tmp_path: Path, toy_graph: bytes) -> None:
    bundle = bundle_with(tmp_path / "infinite", toy_graph, student_graph(scale=float("inf")))
    with pytest.raises(EngineError, match="not finite"):
        StudentExtractor(bundle, threads=1).extract(halves(250, 5))
