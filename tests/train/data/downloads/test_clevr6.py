"""CLEVR with masks: whole and broken TFRecords."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drc_runtime.errors import DRCError, SourceError
from drc_train.data.downloads import clevr6


def test_scenes_of_at_most_six_objects(tmp_path: Path, scenes: dict[int, bytes]) -> None:
    (tmp_path / "a").write_bytes(scenes[3] + scenes[7] + scenes[6])
    found = list(clevr6.read_scenes(tmp_path / "a"))
    assert len(found) == 2
    truth = np.zeros((192, 192), np.uint8)
    truth[76:116, 76:116] = 255  # 100 - 24 and 140 - 64
    truth[96, [82 - 64, 83 - 64]] = 255
    assert np.array_equal(found[0][1], truth)
    assert found[0][0][90, 90].tolist() == [200, 30, 30]


def test_no_more_scenes_than_the_papers(tmp_path: Path, scenes: dict[int, bytes], monkeypatch) -> None:
    monkeypatch.setattr(clevr6, "SCENES", 2)
    (tmp_path / "a").write_bytes(scenes[3] * 3)
    assert len(list(clevr6.read_scenes(tmp_path / "a"))) == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-5], "damaged or cut short"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-9]), "is cut short"),
        (lambda data: gzip.compress(b"no record" * 9), "not a TFRecord file"),
        (lambda data: gzip.compress(struct.pack("<QI", 4, 0) + bytes(8)), "not one of CLEVR|lacks image"),
    ],
)
def test_broken_scenes(tmp_path: Path, scenes: dict[int, bytes], damage, message: str) -> None:
    (tmp_path / clevr6.FILE).write_bytes(damage(gzip.compress(scenes[3], 1)))
    with pytest.raises(SourceError, match=message):
        list(clevr6.read_scenes(tmp_path))


@given(st.binary(max_size=300), st.booleans())
def test_any_tfrecord(tmp_path_factory: pytest.TempPathFactory, data: bytes, framed: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(struct.pack("<QI", len(data), 0) + data + bytes(4) if framed else data)
    try:
        list(clevr6.read_scenes(path))
    except DRCError:
        pass


def test_a_pipe_and_a_record_larger_than_a_scene_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="not a plain file"):
        next(clevr6.read_scenes(tmp_path / "pipe"))
    with (tmp_path / "large").open("wb") as file:
        file.write(struct.pack("<QI", 60_000_000, 0))
        file.truncate(60_000_100)
    with pytest.raises(SourceError, match="not a TFRecord file"):
        next(clevr6.read_scenes(tmp_path / "large"))
