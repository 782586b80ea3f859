"""The log of a run: complete lines that are appended, and their content."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.sinks.log import RunLog
from tests.flat_run import run_with


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_record_a_frame_and_a_later_run_adds_to_it(make_video, toy_bundle: Path, tmp_path: Path) -> None:
    clip, log = make_video("a.avi", frames=6), tmp_path / "run.jsonl"
    for number in range(2):
        run_with(clip, bundle=toy_bundle, masks=tmp_path / str(number), log=log)
    found = records(log)
    assert [record["frame"] for record in found] == [*range(6)] * 2
    assert [record["steps"] for record in found[:3]] == [6, 2, 2]
    for record in found:
        assert record["state"] == "live" and record["reconnects"] == record["dropped"] == 0
        assert record["age_ms"] is None and 0 <= record["foreground_share"] <= 1
        assert set(record["latency_ms"]) == {"preprocess", "steps", "mask"}


def test_a_folder_s_images_are_named_with_the_agreement_by_which_they_can_be_sorted(
    toy_bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), random.integers(0, 256, (20, 30, 3), np.uint8))
    log = tmp_path / "run.jsonl"
    for refine in ("cut", "none"):
        run_with(str(tmp_path / "images"), bundle=toy_bundle, masks=tmp_path / refine, log=log, refine=refine)
    lines = records(log)
    assert [line.get("name") for line in lines] == ["a", "b", None, None]
    assert all(0 <= line["agreement"] <= 1 for line in lines[:2]) and "agreement" not in lines[2]


def test_notices_are_logged_too(make_video, toy_bundle: Path, tmp_path: Path) -> None:
    said: list[str] = []
    log = tmp_path / "run.jsonl"
    options = {"bundle": toy_bundle, "masks": tmp_path / "m", "rate": 1, "log": log}
    report = run_with(make_video("a.avi"), notice=said.append, **options)
    assert report.steps == 2 and said[0].startswith("2 steps a frame, of ") and records(log)[0]["event"] == said[0]


def test_a_torn_last_line_does_not_take_the_next_one_along(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"frame": 1}\n{"fra')
    log = RunLog(path)
    log.write({"frame": 2})
    log.close()
    lines = path.read_text().splitlines()
    assert lines[:2] == ['{"frame": 1}', '{"fra'] and json.loads(lines[2])["frame"] == 2


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write the log"):
        RunLog(tmp_path / "missing" / "run.jsonl")


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF....AVI ",
        b"{\n",
        b'{"frame": 1, "objects": []}\n',
        b'{"time": 1, "message": "x"}\n',
        b"[1]\n",
        b"\n",
        b"1\n",
    ],
)
def test_a_file_that_is_no_log_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not a log of drc; choose another name"):
        RunLog(path)
    assert path.read_bytes() == content


def test_an_empty_file_and_a_truncated_first_line_are_logs(tmp_path: Path) -> None:
    for content in (b"", b'{"time": 17', b'{"time": 17, "event": "x"}\n'):
        (tmp_path / "log").write_bytes(content)
        RunLog(tmp_path / "log").close()
    RunLog(Path("/dev/null")).close()


def test_the_input_is_no_log(make_video, toy_bundle: Path, tmp_path: Path) -> None:
    clip = make_video("a.avi", frames=3)
    before = clip.read_bytes()
    for log in (clip, toy_bundle / "manifest.json"):
        with pytest.raises(UsageError, match="is not a log of drc"):
            run_with(clip, bundle=toy_bundle, masks=tmp_path / "m", log=log)
    assert clip.read_bytes() == before and not (tmp_path / "m").exists()
