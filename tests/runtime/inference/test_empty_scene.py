"""The scene of a fixed camera without the things that stand in it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from drc_runtime.inference.empty_scene import empty_scene

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
SIZE, FRAMES = 48, 80
PLACE = np.s_[14:36, 16:32]


def texture(seed: int, mean: float) -> Floats:
    """A smooth picture with a ramp, as walls and floors are."""
    random = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(random.standard_normal((SIZE, SIZE, 3)).astype(np.float32), (0, 0), 3)
    ramp = np.linspace(-20, 20, SIZE, dtype=np.float32)[:, None, None]
    return np.asarray(mean + 25 * rough / rough.std() + ramp, np.float32)


def clip(present: NDArray[np.bool_], noise: float = 3) -> tuple[Bytes, Bytes]:
    """Frames in which a thing stands when it is ``present``, in slowly changing light, and the scene without it."""
    scene, thing = texture(1, 90), texture(2, 170)
    random = np.random.default_rng(3)
    frames = np.repeat(scene[None], len(present), 0)
    frames[present, *PLACE] = thing[PLACE]
    light = 6 * np.sin(np.arange(len(present)) / 15)[:, None, None, None]
    frames = frames + light + noise * random.standard_normal(frames.shape)
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8), np.clip(np.rint(scene), 0, 255).astype(np.uint8)


def wrong(image: Bytes | Floats, scene: Bytes) -> float:
    return float((np.abs(image.astype(float) - scene).sum(-1) > 60).mean())


def standing(share: float, when: str) -> NDArray[np.bool_]:
    first = {"begin": 0.0, "middle": (1 - share) / 2, "end": 1 - share}[when]
    present = np.zeros(FRAMES, bool)
    present[round(first * FRAMES) : round((first + share) * FRAMES)] = True
    return present


@pytest.mark.parametrize("when", ["begin", "middle", "end"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_what_stands_for_a_while_is_not_part_of_the_scene(share: float, when: str) -> None:
    frames, scene = clip(standing(share, when))
    start = empty_scene(frames)
    assert wrong(start.image, scene) < 0.005
    assert start.ambiguous == pytest.approx(22 * 16 / SIZE**2, rel=0.05)
    if share > 0.5:
        assert wrong(np.median(frames, 0), scene) > 0.12
        assert start.replaced > start.ambiguous
    else:
        assert start.replaced == 0


def test_without_anything_that_lasts_it_is_the_median() -> None:
    frames, _ = clip(np.zeros(FRAMES, bool))
    start = empty_scene(frames)
    assert np.array_equal(start.image, np.rint(np.median(frames, 0)).astype(np.uint8))
    assert (start.ambiguous, start.replaced) == (0, 0)


def test_what_passes_again_and_again_is_no_state() -> None:
    # a thing that looks more like its surroundings than the scene behind it does, so that contrast alone would choose it
    scene = np.full((SIZE, SIZE, 3), 90, np.uint8)
    scene[PLACE] = 200
    frames = np.repeat(scene[None], FRAMES, 0)
    passing = np.arange(FRAMES) % 8 == 0
    frames[passing, *PLACE] = 90
    start = empty_scene(frames)
    assert np.array_equal(start.image, scene)
    assert start.ambiguous == 0
    frames[FRAMES // 2 - 10 : FRAMES // 2] = frames[0]
    assert empty_scene(frames).replaced > 0, "the same for long would be taken"


def test_what_moves_is_no_state_of_the_scene() -> None:
    scene = np.full((SIZE, SIZE, 3), 90, np.uint8)
    scene[PLACE] = 200
    frames = np.repeat(scene[None], FRAMES, 0).astype(float)
    stripes = np.random.default_rng(0).uniform(-12, 12, (30, SIZE, SIZE, 1))
    frames[20:50, *PLACE] = (90 + stripes)[:, *PLACE]
    assert empty_scene(frames.astype(np.uint8)).replaced == 0
    frames[20:50, *PLACE] = 90
    assert empty_scene(frames.astype(np.uint8)).replaced > 0, "the same at rest would be taken"


def test_several_things_one_after_the_other() -> None:
    frames, scene = clip(np.zeros(FRAMES, bool))
    frames[:40, *PLACE] = np.clip(texture(4, 180), 0, 255).astype(np.uint8)[PLACE]
    frames[40:65, *PLACE] = np.clip(texture(5, 20), 0, 255).astype(np.uint8)[PLACE]
    assert wrong(np.median(frames, 0), scene) > 0.1
    assert wrong(empty_scene(frames).image, scene) < 0.005


@pytest.mark.parametrize("count", [1, 2, 5, 300])
def test_any_number_of_frames(count: int) -> None:
    frames, scene = clip(np.zeros(count, bool))
    assert wrong(empty_scene(frames).image, scene) == 0
    never_leaves, _ = clip(np.ones(count, bool))
    assert empty_scene(never_leaves).replaced == 0
