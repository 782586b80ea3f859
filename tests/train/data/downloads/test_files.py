"""Where a download lies and what its lists name."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from drc_runtime.errors import SourceError
from drc_train.data.downloads.files import find_root, load_mat, path_within, read_small


def test_a_download_in_a_folder_of_its_own(tmp_path: Path) -> None:
    inner = tmp_path / "CUB"
    (inner / "images").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"CUB has no list.txt; expected a list and images"):
        find_root(tmp_path, "list.txt", "images", layout="a list and images")
    (inner / "list.txt").write_text("")
    assert (
        find_root(tmp_path, "list.txt", "images", layout="")
        == find_root(inner, "list.txt", "images", layout="")
        == inner
    )


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "", "a/../../b", "a\\b", "a\nb", "."])
def test_names_that_lead_out_of_their_folder(name: str) -> None:
    with pytest.raises(SourceError, match="list.txt names .*, which is no file below images"):
        path_within(Path("images"), name, Path("list.txt"))


def test_names_within_their_folder() -> None:
    assert path_within(Path("images"), "a/b.jpg", Path("list.txt")) == Path("images/a/b.jpg")


def test_a_variable_of_a_matlab_file(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"x": np.arange(3)})
    assert load_mat(tmp_path / "a.mat", "x").tolist() == [0, 1, 2]
    with pytest.raises(SourceError, match="no variable 'y'"):
        load_mat(tmp_path / "a.mat", "y")
    with pytest.raises(SourceError, match="b.mat does not exist"):
        load_mat(tmp_path / "b.mat", "x")


@given(st.binary(max_size=300), st.booleans())
def test_any_matlab_file(tmp_path_factory: pytest.TempPathFactory, data: bytes, header: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any.mat"
    path.write_bytes((b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" if header else b"") + data)
    with pytest.raises(SourceError):
        load_mat(path, "file_list")


def test_a_list_that_is_a_pipe_a_device_or_too_large_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(11))
    for path, reason in ((tmp_path / "pipe", "not a plain file"), (Path("/dev/zero"), "not a plain file")):
        with pytest.raises(SourceError, match=reason):
            read_small(path, 10)
        with pytest.raises(SourceError, match=reason):
            load_mat(path, "file_list")
    with pytest.raises(SourceError, match="11 bytes, more than the 10"):
        read_small(tmp_path / "large", 10)
    assert read_small(tmp_path / "large", 11) == bytes(11)
