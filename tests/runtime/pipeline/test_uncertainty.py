"""``drc run FOLDER --uncertainty DIR``: one map for each image."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_runtime.pipeline.report import RunReport
from tests.flat_run import run_with


def test_a_map_says_where_a_mask_is_not_sure(toy_bundle: Path, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 50, (48, 64, 3), np.uint8)
    picture[10:38, 16:48] += np.linspace(205, 90, 32).astype(np.uint8)[:, None]
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), picture)

    def go(**options: Any) -> RunReport:
        return run_with(tmp_path / "images", bundle=toy_bundle, **options)

    def read(folder: Path) -> np.ndarray:
        return cv2.imread(str(folder / "a.png"), cv2.IMREAD_GRAYSCALE).astype(int)

    maps = tmp_path / "maps"
    report = go(masks=tmp_path / "masks", soft=True, uncertainty=maps)
    assert report.outputs == [tmp_path / "masks", maps]
    go(masks=tmp_path / "before", soft=True, refine="none")
    before, after = read(tmp_path / "before"), read(tmp_path / "masks")
    np.testing.assert_array_equal(read(maps), abs(before - after))
    assert read(maps).any()
    with pytest.raises(UsageError, match="--uncertainty"):
        go(uncertainty=maps)
    (maps / "a.png").unlink()
    again = {"masks": tmp_path / "masks", "soft": True, "resume": True}
    assert go(uncertainty=maps, **again).frames == 1  # done only where all its results are
    assert go(uncertainty=maps, **again).skipped == 1
