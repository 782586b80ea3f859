"""One rule: a path is written if it is new, or if drc wrote it and --overwrite was given; only what drc wrote is deleted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.atomic import atomic_path, atomic_write
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.images import write_png
from drc_runtime.outputs import State, claim_file, claim_folder, lock_file, state_of, temporary_name, visible

IMAGE = np.zeros((4, 4), np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_states(tmp_path: Path) -> None:
    write_png(tmp_path / "own.png", IMAGE)
    (tmp_path / "mine.png").write_bytes(b"mine")
    (tmp_path / "empty.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "own.png")
    os.mkfifo(tmp_path / "fifo.png")
    for folder, name in (("own", "0.png"), ("mixed", "0.png")):
        (tmp_path / folder).mkdir()
        write_png(tmp_path / folder / name, IMAGE)
    (tmp_path / "mixed" / "1.png").write_bytes(b"mine")
    (tmp_path / "nothing").mkdir()
    found = {name: state_of(tmp_path / name) for name in names(tmp_path)}
    foreign = dict.fromkeys(("mine.png", "link.png", "fifo.png", "mixed", "nothing"), State.FOREIGN)
    assert found == {"own.png": State.OURS, "own": State.OURS, "empty.png": State.EMPTY, **foreign}
    assert state_of(tmp_path / "missing") is state_of(tmp_path / "own.png" / "x") is State.MISSING


def test_a_user_s_file_that_appears_while_drc_works_is_not_replaced(tmp_path: Path) -> None:
    with claim_folder("--masks", tmp_path / "masks", overwrite=True):
        write_png(tmp_path / "masks" / "0.png", IMAGE)
        write_png(tmp_path / "masks" / "0.png", IMAGE)  # its own
        (tmp_path / "masks" / "1.png").write_bytes(b"mine")
        with pytest.raises(OutputError, match="was not written by drc"):
            write_png(tmp_path / "masks" / "1.png", IMAGE)
    assert (tmp_path / "masks" / "1.png").read_bytes() == b"mine"
    with claim_file("--out", tmp_path / "a.png"):
        write_png(tmp_path / "b.png", IMAGE)
        os.replace(tmp_path / "b.png", tmp_path / "a.png")
        with pytest.raises(OutputError, match="appeared meanwhile"):
            write_png(tmp_path / "a.png", IMAGE)


def test_a_link_in_the_place_of_a_result_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.png").write_bytes(b"years of work")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "0.png").symlink_to(tmp_path / "thesis.png")
    with claim_folder("--masks", tmp_path / "masks", overwrite=True), pytest.raises(OutputError, match="not written"):
        write_png(tmp_path / "masks" / "0.png", IMAGE)
    assert (tmp_path / "masks" / "0.png").is_symlink() and (tmp_path / "thesis.png").read_bytes() == b"years of work"


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from drc_runtime import outputs\n"
    program += "with getattr(outputs, sys.argv[1])('--out', Path(sys.argv[2])): print('in')"
    for kind, name in (("claim_file", "a.mp4"), ("claim_folder", "masks")):
        command = [sys.executable, "-c", program, kind, str(tmp_path / name)]
        with (claim_file if kind == "claim_file" else claim_folder)("--out", tmp_path / name):
            second = subprocess.run(
                command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()}
            )
            assert "another drc writes --out" in second.stderr and second.stdout == ""
        third = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()})
        assert third.stdout == "in\n", third.stderr
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        with claim_folder("--masks", tmp_path / "masks"), atomic_path(tmp_path / "masks" / "0.png"):
            with claim_file("--out", tmp_path / "a.avi"), atomic_path(tmp_path / "a.avi"):
                os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    users = [".0.x.part.png", ".a.part.png", "0.png.part"]
    for name in users:
        (tmp_path / "masks" / name).write_bytes(b"mine")
    assert len(names(tmp_path)) == 3 and len(names(tmp_path / "masks")) == 4
    with claim_folder("--masks", tmp_path / "masks"), claim_file("--out", tmp_path / "a.avi"):
        assert names(tmp_path / "masks") == users
    assert names(tmp_path) == ["masks"] and names(tmp_path / "masks") == users


def test_a_part_is_replaced_only_if_an_interrupted_run_left_it(tmp_path: Path) -> None:
    path, part = tmp_path / "a.mp4", tmp_path / "a.mp4.part"
    with claim_file("--out", path, part=part):
        part.write_bytes(b"half a video")
    with pytest.raises(UsageError, match="left by an interrupted run"), claim_file("--out", path, part=part):
        pass
    with claim_file("--out", path, part=part, overwrite=True):
        part.unlink()
    assert names(tmp_path) == []
    part.write_bytes(b"a browser's download")
    with pytest.raises(UsageError, match="not written by drc"), claim_file("--out", path, part=part, overwrite=True):
        pass
    assert names(tmp_path) == ["a.mp4.part"]
    assert lock_file(path).name.startswith(".a.mp4.")


def test_a_folder_in_which_nothing_was_written_is_gone_again(tmp_path: Path) -> None:
    with claim_folder("--masks", tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert names(tmp_path) == []
    with claim_folder("--masks", tmp_path / "a" / "b"):
        atomic_write(tmp_path / "a" / "b" / "0.png", b"x")
    assert names(tmp_path / "a" / "b") == ["0.png"]


def test_temporary_names_are_no_results(tmp_path: Path) -> None:
    for path in (temporary_name(tmp_path / "a.png"), tmp_path / ".drc-job.jsonl", lock_file(tmp_path / "b.mp4")):
        path.touch()
    (tmp_path / ".hidden").touch()
    assert visible(tmp_path) == [".hidden"]
    assert visible(tmp_path / "missing") == []
