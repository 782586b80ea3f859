"""A measurement in shards against the same one at once."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_train.evaluation import in_shards
from drc_train.evaluation.evaluate import evaluate
from drc_train.evaluation.in_shards import count_labelled, evaluate_in_shards
from drc_train.evaluation.subject import subject_of
from tests.train.evaluation.conftest import half, write


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven images, five of them with a mask, one of these without a foreground; shards of two."""
    monkeypatch.setattr(in_shards, "SHARD", 2)
    for index in range(7):
        write(tmp_path / "data" / "images" / f"{index}.png", np.full((8, 8, 3), 30 * index, np.uint8))
        if index not in (1, 4):
            write(tmp_path / "data" / "masks" / f"{index}.png", half(slice(0, index)))
    return tmp_path / "data"


def test_shards_give_the_figures_of_all_images_at_once(data: Path, tmp_path: Path) -> None:
    assert count_labelled(str(data)) == 5 and count_labelled("tm-dsprites:7") == 7
    seen: list[int] = []
    found = evaluate_in_shards(None, str(data), tmp_path / "a.json", "s", baselines=("constant",), progress=seen.append)
    assert seen == [1, 2, 3, 4, 5]
    expected = evaluate(None, str(data), baselines=("constant",))["constant"]
    assert found["constant"]["images"] == 5 and found["constant"]["with_foreground"] == 4
    for key in ("iou", "dice"):
        assert found["constant"][key] == pytest.approx(expected[key])


def test_what_was_interrupted_goes_on_after_the_last_shard(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, real, parts = tmp_path / "a.json", in_shards.evaluate, []

    def counted(*arguments, **keywords):
        parts.append(keywords["options"].part)
        if len(parts) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **keywords)

    monkeypatch.setattr(in_shards, "evaluate", counted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_in_shards(None, str(data), kept, "s", baselines=("constant",))
    assert json.loads(kept.read_text())["done"] == 2
    whole = evaluate_in_shards(None, str(data), kept, "s", baselines=("constant",))
    assert parts == [(0, 2), (2, 4), (2, 4), (4, 5)]
    assert evaluate_in_shards(None, str(data), kept, "s", baselines=("constant",)) == whole and len(parts) == 4
    evaluate_in_shards(None, str(data), kept, "another", baselines=("constant",))
    assert len(parts) == 7


def test_a_limit_and_an_empty_folder(data: Path, tmp_path: Path) -> None:
    found = evaluate_in_shards(None, str(data), tmp_path / "a.json", "s", baselines=("constant",), limit=3)
    assert found["constant"]["images"] == 3
    (tmp_path / "empty" / "images").mkdir(parents=True)
    (tmp_path / "empty" / "masks").mkdir()
    with pytest.raises(SourceError):
        evaluate_in_shards(None, str(tmp_path / "empty"), tmp_path / "b.json", "s")


def test_the_subject_is_the_data_and_the_weights(data: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    subjects = {subject_of(str(data)), subject_of(str(data), weights), subject_of("tm-dsprites:3", weights)}
    weights.write_bytes(b"two")
    subjects.add(subject_of(str(data), weights))
    assert cv2.imwrite(str(data / "masks" / "0.png"), half(slice(0, 5)))
    subjects.add(subject_of(str(data), weights))
    assert len(subjects) == 5
