"""Histograms and heat maps of images with masks."""

from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import OutputError
from drc_runtime.images import read_image
from drc_train.data.evaluation import Labelled
from drc_train.figures.dataset_statistics import HEAT_MAP_SIZE, Statistics, write_statistics


def labelled(columns: slice) -> Labelled:
    """Red (200, 10, 20) where the object is, blue (0, 0, 90) elsewhere; 8x16 pixels."""
    image = np.full((8, 16, 3), (0, 0, 90), np.uint8)
    image[:, columns] = 200, 10, 20
    mask = np.zeros((8, 16), np.uint8)
    mask[:, columns] = 255
    return Labelled("a", image, mask)


def test_levels_are_counted_by_region() -> None:
    statistics = Statistics()
    for columns in (slice(0, 4), slice(0, 8)):
        statistics.add(*labelled(columns)[1:])
    assert statistics.foreground[:, [200, 10, 20]].diagonal().tolist() == [96, 96, 96]  # 8 x (4 + 8)
    assert statistics.background[2, 90] == statistics.background.sum() // 3 == 160


def test_masks_are_laid_over_each_other() -> None:
    statistics = Statistics()
    for columns in (slice(0, 4), slice(0, 8)):
        statistics.add(*labelled(columns)[1:])
    heat = statistics.heat()
    assert heat.shape == (HEAT_MAP_SIZE, HEAT_MAP_SIZE)
    assert heat[:, 10] == pytest.approx(1) and heat[:, 45] == pytest.approx(0.5) and heat[:, 100] == pytest.approx(0)
    assert len(np.unique(statistics.heat_map().reshape(-1, 3), axis=0)) >= 3


def test_without_a_foreground() -> None:
    statistics = Statistics()
    statistics.add(*labelled(slice(0, 0))[1:])
    assert not statistics.heat().any()
    assert statistics.histograms().ndim == 3


def test_files(tmp_path: Path) -> None:
    files = write_statistics(tmp_path / "new", iter([labelled(slice(0, 4))]))
    assert [file.name for file in files] == ["histograms.png", "heat-map.png"]
    drawn = read_image(files[0]).astype(int)
    upper, lower = np.split(drawn, 2)
    # the foreground's only red level is 200 of 255, the background's only blue one 90: peaks at twice that
    assert (upper[5:150, 390:412, 0] - upper[5:150, 390:412, 2]).max() > 100
    assert (lower[5:150, 170:190, 2] - lower[5:150, 170:190, 0]).max() > 100
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_statistics(tmp_path / "file", iter([]))
