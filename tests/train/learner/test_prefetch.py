"""Images and chains come from wherever they live, the same either way."""

import pytest
import torch

from drc_train.learner import prefetch as feed
from drc_train.learner.prefetch import Feed, home

CPU = torch.device("cpu")


def test_what_was_fetched_ahead_is_what_is_taken(tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[list[int]] = []
    gather = Feed._gather

    def noted(self: Feed, index: torch.Tensor) -> torch.Tensor:
        gathered.append(index.tolist())
        return gather(self, index)

    monkeypatch.setattr(Feed, "_gather", noted)
    images = Feed(tiny_images, CPU)
    first, second = torch.tensor([3, 1]), torch.tensor([2, 9])
    images.prefetch(first)
    assert torch.equal(images.take(first), tiny_images[first])
    assert gathered == [[3, 1]], "taken from what was fetched"
    images.prefetch(first)
    assert torch.equal(images.take(second), tiny_images[second]), "another order than announced"
    assert torch.equal(images.take(first), tiny_images[first])
    assert gathered[-1] == [3, 1] and len(images) == 10


def test_what_fits_a_quarter_of_the_free_memory_lives_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr(feed.torch.cuda, "mem_get_info", lambda device: (4000, 8000))
    assert home(1000, gpu) == gpu
    assert home(1001, gpu) == CPU
    assert home(1, CPU) == CPU
