"""The Langevin loop on the toy bundle, whose posterior is N(0, 1)."""

from pathlib import Path

import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample

KEEP = 1 - 0.1**2 / 2


def sampler(toy_bundle: Path, **options: float) -> LangevinSampler:
    return LangevinSampler(OnnxRuntimeEngine(Bundle.load(toy_bundle), threads=1), **options)


def tensor(toy_bundle: Path) -> np.ndarray:
    return np.zeros((1, 3, *Bundle.load(toy_bundle).manifest.image_size), np.float32)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_fixed_number_of_steps_without_noise(toy_bundle: Path, steps: int) -> None:
    chain = sampler(toy_bundle)
    start = chain.noise()
    sample = chain.run(tensor(toy_bundle), start, steps)
    np.testing.assert_allclose(sample.z, start * KEEP**steps, rtol=1e-5)
    before_last = start * KEEP ** (steps - 1)
    np.testing.assert_allclose(sample.log_posterior, -0.5 * np.square(before_last).sum(), rtol=1e-5)


def test_noise_has_the_step_s_scale_and_the_seed_decides_it(toy_bundle: Path) -> None:
    zero = np.zeros_like(sampler(toy_bundle).noise())
    runs = [sampler(toy_bundle, temperature=1.0, seed=seed).run(tensor(toy_bundle), zero, 400).z for seed in (1, 1, 2)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    # 400 steps of size 0.1 are about two relaxation times of a standard normal posterior
    ends = np.concatenate(
        [sampler(toy_bundle, temperature=1.0, seed=s).run(tensor(toy_bundle), zero, 400).z for s in range(40)]
    )
    assert 0.6 < ends.std() < 1.2


def test_a_diverged_chain_is_an_error(toy_bundle: Path) -> None:
    chain = sampler(toy_bundle)
    with pytest.raises(EngineError, match="diverged"):
        chain.run(tensor(toy_bundle), np.full_like(chain.noise(), np.nan), 2)


def test_reseeding_restarts_the_noise(toy_bundle: Path) -> None:
    chain = sampler(toy_bundle, seed=3)
    first = chain.noise()
    assert not np.array_equal(chain.noise(), first)
    chain.reseed(3)
    assert np.array_equal(chain.noise(), first)


def test_the_graph_s_responsibility_is_fetched_only_where_it_is_asked_for(toy_bundle: Path) -> None:
    """The toy's is the sigmoid of the channels' sum: one half for an image of zeros."""
    plain, fetched = sampler(toy_bundle), sampler(toy_bundle, responsibility=True)
    assert plain.run(tensor(toy_bundle), plain.noise(), 1).responsibility is None
    found = fetched.run(tensor(toy_bundle), fetched.noise(), 1).responsibility
    assert found is not None and found.shape == (1, 1, 8, 12) and (found == 0.5).all()


def test_a_copy_survives_the_next_run_and_the_sample_itself_does_not(toy_bundle: Path) -> None:
    chain = sampler(toy_bundle)
    sample = chain.run(tensor(toy_bundle), np.full_like(chain.noise(), 2), 1)
    kept, value = sample.copy(), sample.log_posterior.copy()
    chain.run(tensor(toy_bundle), np.zeros_like(chain.noise()), 1)
    assert np.array_equal(kept.log_posterior, value) and not np.array_equal(sample.log_posterior, value)


def test_a_row_of_a_batch_is_a_sample_of_batch_1() -> None:
    arrays = [np.arange(3 * size, dtype=np.float32).reshape(3, size) for size in (4, 1, 2, 2, 2)]
    row = PosteriorSample(*arrays).row(1)
    assert np.array_equal(row.z, arrays[0][1:2]) and np.array_equal(row.background, arrays[4][1:2])
    assert row.responsibility is None


def test_smaller_steps_go_a_share_of_the_way(toy_bundle: Path) -> None:
    chain, sizes = sampler(toy_bundle), np.array([1, 0.5, 0.1], np.float32)
    start = chain.noise()
    found = chain.run(tensor(toy_bundle), start, 3, sizes).z
    np.testing.assert_allclose(found, start * np.prod(1 - (1 - KEEP) * sizes), rtol=1e-5)


def test_the_noise_of_a_smaller_step_is_that_of_a_langevin_step_of_its_size(toy_bundle: Path) -> None:
    """A step of a has the variance a s^2: s' = sqrt(a) s in Eq. 13."""
    zero = np.zeros((1, 4), np.float32)
    ends = [
        sampler(toy_bundle, temperature=1.0, seed=seed).run(tensor(toy_bundle), zero, 1, np.array([0.25], np.float32)).z
        for seed in range(200)
    ]
    assert abs(np.std(ends) / (0.5 * 0.1) - 1) < 0.1


def test_seeking_past_a_chain_gives_what_follows_it(toy_bundle: Path) -> None:
    for temperature in (0.0, 1.0):
        one, other = (sampler(toy_bundle, temperature=temperature) for _ in range(2))
        one.run(tensor(toy_bundle), one.noise(), 3)
        other.seek(other.draws(3))
        assert np.array_equal(one.noise(), other.noise())


@pytest.mark.parametrize("temperature", [-0.1, 10.5, float("nan")])
def test_a_temperature_out_of_range_is_refused(toy_bundle: Path, temperature: float) -> None:
    with pytest.raises(UsageError, match="--temperature"):
        sampler(toy_bundle, temperature=temperature)
