"""Stanford Cars: whole and broken lists."""

from pathlib import Path

import pytest
from scipy.io import savemat

from drc_runtime.errors import SourceError
from drc_train.data.downloads.boxes import Box
from drc_train.data.downloads.cars import list_cars


def test_boxes_count_from_0(cars: Path) -> None:
    items = list_cars(cars)
    assert [(item.split, str(item.mask)) for item in items] == [
        ("train", "cars_train/00001"),
        ("train", "cars_train/00002"),
        ("test", "cars_test/00001"),
    ]
    assert {item.box for item in items} == {Box(50, 20, 80, 40)}


def test_a_list_of_something_else(cars: Path) -> None:
    savemat(cars / "devkit" / "cars_train_annos.mat", {"annotations": {"fname": "1.jpg"}})
    with pytest.raises(SourceError, match="need fname and bbox_x1"):
        list_cars(cars)
