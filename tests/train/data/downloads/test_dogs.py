"""Stanford Dogs: whole and broken downloads."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from drc_runtime.errors import DRCError, SourceError
from drc_train.data.downloads.boxes import Box
from drc_train.data.downloads.dogs import LARGEST_ANNOTATION, largest_box, list_dogs
from drc_train.data.downloads.files import read_small


def test_the_largest_dog_is_taken(dogs: Path) -> None:
    items = list_dogs(dogs)
    assert [item.split for item in items] == ["train", "train", "test"]
    assert items[0].image == dogs / "Images" / "n1-Pug" / "n1_1.jpg" and str(items[0].mask) == "n1-Pug/n1_1"
    assert {item.box for item in items} == {Box(50, 20, 80, 40)}


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("train_list.mat", None, "no train_list.mat; expected the unpacked lists"),
        ("train_list.mat", b"MATLAB 5.0 MAT-file" + bytes(200), "not a MATLAB file"),
        ("Annotation/n1-Pug/n1_1", None, "cannot read .*n1_1"),
        ("Annotation/n1-Pug/n1_1", b"<annotation><bndbox>", "not XML that can be read"),
        ("Annotation/n1-Pug/n1_1", b"<annotation/>", "has no bndbox"),
        (
            "Annotation/n1-Pug/n1_1",
            b'<!DOCTYPE a [<!ENTITY b "9">]><a><bndbox><xmin>&b;</xmin></bndbox></a>',
            "not XML that can be read",
        ),
    ],
)
def test_broken_dogs(dogs: Path, file: str, data: bytes | None, message: str) -> None:
    (dogs / file).unlink() if data is None else (dogs / file).write_bytes(data)
    with pytest.raises(SourceError, match=message):
        list_dogs(dogs)


def test_a_list_of_something_else(dogs: Path) -> None:
    savemat(dogs / "test_list.mat", {"file_list": np.arange(3)})
    with pytest.raises(SourceError, match="should hold names"):
        list_dogs(dogs)
    savemat(dogs / "test_list.mat", {"other": np.arange(3)})
    with pytest.raises(SourceError, match="no variable 'file_list'"):
        list_dogs(dogs)


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda text: f"<a><bndbox>{text}</bndbox></a>".encode()))
def test_any_annotation(data: bytes) -> None:
    try:
        largest_box(data, "x")
    except DRCError:
        pass


def test_an_annotation_of_60_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(SourceError, match="60000000 bytes, more than the 1048576"):
        read_small(tmp_path / "a", LARGEST_ANNOTATION)
