"""The shared noise against published and independently computed numbers (the native suite reads the same file)."""

import json
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_runtime.inference.noise import NormalNoise, philox4x32

VECTORS = json.loads((Path(__file__).parents[2] / "native" / "noise_vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["philox4x32_10"])
def test_published_words(vector: dict[str, list[str]]) -> None:
    counter, key, words = ([int(word, 16) for word in vector[part]] for part in ("counter", "key", "words"))
    found = philox4x32(np.array([counter] * 2, np.uint64), (key[0], key[1]))
    assert found.tolist() == [words, words]


@pytest.mark.parametrize("vector", VECTORS["normal"])
def test_normal_numbers_of_a_seed(vector: dict) -> None:
    noise = NormalNoise(vector["seed"])
    noise._draw = vector["draw"]
    found = noise.draw((1, len(vector["values"])))
    assert found.dtype == np.float32 and found.shape == (1, len(vector["values"]))
    np.testing.assert_array_max_ulp(found[0], np.array(vector["values"], np.float32), maxulp=1)


def test_draws_follow_each_other_and_a_draw_is_a_prefix_of_a_longer_one() -> None:
    noise, other = NormalNoise(5), NormalNoise(5)
    first, second = noise.draw((2, 3)), noise.draw((7,))
    assert np.array_equal(other.draw((9,))[:6], first.ravel()) and np.array_equal(other.draw((7,)), second)
    assert not np.array_equal(first.ravel(), second[:6])
    assert not np.array_equal(NormalNoise(6).draw((2, 3)), first)


def test_the_distribution_is_standard_normal() -> None:
    numbers = NormalNoise(0).draw((200_000,)).astype(float)
    assert abs(numbers.mean()) < 0.01 and abs(numbers.var() - 1) < 0.015
    assert abs(np.mean(numbers**4) - 3) < 0.1 and np.isfinite(numbers).all()
    # pairs come from one radius and one angle and must still not be correlated
    assert abs(np.mean(numbers[::2] * numbers[1::2])) < 0.015


@pytest.mark.parametrize("seed", [-1, 1 << 64])
def test_a_seed_that_another_runtime_could_not_take_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match=r"2\^64"):
        NormalNoise(seed)
