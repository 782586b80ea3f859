"""Images side by side: the results of one Extractor, in order, whatever fails between."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_runtime.frames import Frame
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.options import Sampling
from drc_runtime.pipeline.side_by_side import SideBySide


@pytest.fixture
def frames() -> list[Frame]:
    images = np.random.default_rng(0).integers(0, 256, (7, 20, 30, 3), np.uint8)
    # the third is one that a resumed folder leaves out
    return [Frame(image, index, 0.0, f"{index}") for index, image in enumerate(images) if index != 2]


@pytest.fixture
def three(toy_bundle: Path) -> Iterator[SideBySide]:
    extractors = [Extractor(toy_bundle, threads=1, seed=3, sampling=Sampling(1.0)) for _ in range(3)]
    with closing(SideBySide(extractors)) as together:
        yield together


def test_results_are_those_of_one_extractor_in_order(toy_bundle: Path, three: SideBySide, frames: list[Frame]) -> None:
    alone = Extractor(toy_bundle, threads=1, seed=3, sampling=Sampling(1.0))
    seen = []
    for frame in three.ahead(frames, lambda: 4):
        seen.append(frame)
        found, expected = (
            three.extract(frame.image, index=frame.index),
            alone.extract(frame.image, steps=4, index=frame.index),
        )
        assert np.array_equal(found.probability, expected.probability) and found.steps == 4
        assert found.log_posterior == expected.log_posterior
    assert seen == frames


def test_an_index_gives_the_noise_that_the_image_has_in_order(toy_bundle: Path, frames: list[Frame]) -> None:
    first, second = (Extractor(toy_bundle, threads=1, sampling=Sampling(1.0)) for _ in range(2))
    for index in range(3):
        last = first.extract(frames[index].image, steps=2)
    assert second.extract(frames[2].image, steps=2, index=2).log_posterior == last.log_posterior


def test_an_image_that_fails_fails_alone(three: SideBySide, frames: list[Frame]) -> None:
    frames[1] = Frame(np.zeros((4, 4), np.uint8), 1, 0.0, "not an image")
    failed = []
    for frame in three.ahead(frames, lambda: None):
        try:
            three.extract(frame.image, index=frame.index)
        except UsageError:
            failed.append(frame.index)
    assert failed == [1]


def test_closing_ends_what_was_not_asked_for(three: SideBySide, frames: list[Frame]) -> None:
    assert next(three.ahead(frames, lambda: 2)) is frames[0]
    three.close()
    with pytest.raises(RuntimeError):
        next(three.ahead(frames, lambda: 2))


def test_an_image_that_was_not_begun_is_extracted_at_once(three: SideBySide, frames: list[Frame]) -> None:
    assert three.extract(frames[0].image, steps=2).steps == 2
