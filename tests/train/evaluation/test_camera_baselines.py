"""What needs the whole clip, and what another OpenCV has."""

import cv2
import numpy as np
import pytest

from drc_runtime.errors import MissingDependencyError
from drc_train.evaluation.camera_baselines import plain, subtractor


def test_plain_finds_what_the_median_lacks() -> None:
    random = np.random.default_rng(0)
    empty = random.integers(60, 180, (64, 64, 3), np.uint8)
    frames = [empty.copy() for _ in range(9)]
    for number, frame in enumerate(frames):
        frame[20:40, 6 * number : 6 * number + 12] = 250, 10, 10
    segment = plain(iter(frames), len(frames))
    mask = segment(frames[4])
    assert (mask[24:36, 27:33] == 255).all() and not mask[:12].any()
    assert not segment(np.clip(empty.astype(int) + 20, 0, 255).astype(np.uint8)).any()  # another light


@pytest.mark.parametrize("name", ["cnt", "gsoc", "lsbp"])
def test_what_only_contrib_has_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "bgsegm", raising=False)
    with pytest.raises(MissingDependencyError, match="pip install opencv-contrib-python"):
        subtractor(name)
