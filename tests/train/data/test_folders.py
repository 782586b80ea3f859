"""Folders that appear whole or not at all."""

from pathlib import Path

import pytest

from drc_runtime.errors import OutputError, SourceError
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
