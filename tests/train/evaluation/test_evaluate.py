"""One model or baselines on one set."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import drc_train
from drc_runtime.errors import SourceError, UsageError
from drc_train.evaluation.evaluate import SUBTRACTOR_WARM_UP, evaluate
from drc_train.evaluation.options import EvaluationOptions


def test_the_public_name() -> None:
    assert drc_train.evaluate is evaluate and drc_train.EvaluationOptions is EvaluationOptions
    with pytest.raises(AttributeError, match="nothing"):
        drc_train.nothing  # noqa: B018


def test_masks_of_another_method(birds: Path, answers: Path) -> None:
    figures = evaluate(answers, str(birds / "train"))
    assert figures["as given"]["iou"] == pytest.approx(0.5)
    assert figures["best permutation"]["iou"] == pytest.approx(1.0)


def test_slots_of_another_method(birds: Path, tmp_path: Path) -> None:
    for index in range(2):
        (tmp_path / "slots" / str(index)).mkdir(parents=True)
        for slot, columns in enumerate((slice(0, 4), slice(4, 8))):
            mask = np.zeros((8, 8), np.uint8)
            mask[:, columns] = 255
            cv2.imwrite(str(tmp_path / "slots" / str(index) / f"{slot}.png"), mask)
    figures = evaluate(tmp_path / "slots", str(birds / "train"))
    assert figures["one slot as background"]["iou"] == figures["one slot as background"]["ari"] == 1.0
    assert figures["all slots"]["iou"] == pytest.approx(0.5)


def test_masks_that_lack_an_image(birds: Path, answers: Path) -> None:
    (answers / "1.png").unlink()
    with pytest.raises(SourceError, match="neither 1.png nor 1/"):
        evaluate(answers, str(birds / "train"))


def test_size_scales_images_and_truth(birds: Path) -> None:
    figures = evaluate(None, str(birds / "train"), baselines=["constant"], options=EvaluationOptions(size=16))
    assert figures["constant"]["iou"] == 1.0


def test_the_truth_may_lie_elsewhere(birds: Path, tmp_path: Path) -> None:
    (birds / "train" / "masks").rename(tmp_path / "truth")
    options = EvaluationOptions(truth=tmp_path / "truth")
    assert evaluate(None, str(birds / "train"), baselines=["constant"], options=options)["constant"]["images"] == 2
    with pytest.raises(SourceError, match="--truth"):
        evaluate(None, str(birds / "train"), baselines=["constant"])


@pytest.mark.parametrize(("skip", "counted"), [(None, 25 - SUBTRACTOR_WARM_UP), (0, 25), (24, 1)])
def test_the_first_frames_of_a_clip_are_not_counted(tmp_path: Path, skip: int | None, counted: int) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (32, 24))
    (tmp_path / "masks").mkdir()
    for index in range(25):
        frame, mask = np.zeros((24, 32, 3), np.uint8), np.zeros((24, 32), np.uint8)
        frame[:, index : index + 4], mask[:, index : index + 4] = 255, 255
        writer.write(frame)
        cv2.imwrite(str(tmp_path / "masks" / f"{index:05d}.png"), mask)
    writer.release()
    done: list[int] = []
    figures = evaluate(
        None,
        str(tmp_path / "clip.avi"),
        baselines=["mog2"],
        options=EvaluationOptions(skip=skip),
        progress=done.append,
    )
    assert figures["mog2"]["images"] == counted and done == list(range(1, 26))


def test_nothing_to_measure(birds: Path) -> None:
    with pytest.raises(UsageError, match="nothing to measure"):
        evaluate(None, str(birds / "train"))
