"""Folders that appear whole or not at all."""

import os
import signal
from pathlib import Path

import pytest

from drc_runtime.errors import OutputError, SourceError, UsageError
from drc_train.data.folders import staged_folder


def test_the_contents_move_up_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "set"
    with staged_folder(folder) as stage:
        (stage / "images").mkdir()
        (stage / "images" / "0.png").write_bytes(b"0")
        assert [path.name[:1] for path in folder.iterdir()] == ["."]
    assert [path.name for path in folder.iterdir()] == ["images"]
    assert (folder / "images" / "0.png").read_bytes() == b"0"


@pytest.mark.parametrize(
    ("error", "raised"), [(OSError(28, "No space left"), OutputError), (SourceError("x"), SourceError)]
)
def test_a_failure_leaves_nothing(tmp_path: Path, error: Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised, match="No space left|x"), staged_folder(tmp_path) as stage:
        (stage / "0.png").write_bytes(b"0")
        raise error
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty; name a new folder"), staged_folder(tmp_path):
        pass
    with pytest.raises(OutputError, match="cannot write to .*notes.txt"), staged_folder(tmp_path / "notes.txt"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def kill_while(step: str, folder: Path) -> None:
    child = os.fork()
    if not child:
        replace = os.replace

        def killed(source: Path, target: Path) -> None:
            replace(source, target)
            os.kill(os.getpid(), signal.SIGKILL)

        with staged_folder(folder) as stage:
            for name in ("images", "masks"):
                (stage / name).mkdir()
                (stage / name / "0.png").write_bytes(b"0")
            if step == "writing":
                os.kill(os.getpid(), signal.SIGKILL)
            os.replace = killed  # type: ignore[assignment]
    os.waitpid(child, 0)


@pytest.mark.parametrize("step", ["writing", "moving"])
def test_what_a_killed_process_left_does_not_stand_in_the_way(tmp_path: Path, step: str) -> None:
    folder = tmp_path / "set"
    kill_while(step, folder)
    assert list(folder.iterdir())
    with staged_folder(folder) as stage:
        (stage / "clip.mp4").write_bytes(b"1")
    assert [path.name for path in folder.iterdir()] == ["clip.mp4"]


def test_a_user_s_file_beside_what_a_killed_process_left_is_kept(tmp_path: Path) -> None:
    kill_while("moving", tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="not empty"), staged_folder(tmp_path):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_two_processes_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "set"):
        with pytest.raises(UsageError, match="another drc writes"), staged_folder(tmp_path / "set"):
            pass
