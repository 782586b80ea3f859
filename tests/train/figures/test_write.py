"""Figures as files."""

from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import OutputError
from drc_runtime.images import read_image
from drc_train.figures.write import write_images


def test_colours_and_grey_come_back(tmp_path: Path) -> None:
    colours, grey = np.full((2, 3, 3), (10, 20, 200), np.uint8), np.full((2, 3), 90, np.uint8)
    files = write_images(tmp_path / "a" / "b", {"colours": colours, "grey": grey})
    assert files == [tmp_path / "a" / "b" / "colours.png", tmp_path / "a" / "b" / "grey.png"]
    assert np.array_equal(read_image(files[0]), colours)
    assert np.array_equal(read_image(files[1]), np.repeat(grey[..., None], 3, 2))


def test_a_file_in_the_folder_s_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write to .*file.*choose another place"):
        write_images(tmp_path / "file", {})
