"""Batches are the same whether or not they were prefetched."""

import pytest
import torch

from drc_train.learner import prefetch
from drc_train.learner.prefetch import Prefetcher, storage_device

CPU = torch.device("cpu")


def test_a_prefetched_batch_is_taken_and_another_one_is_fetched(
    tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[list[int]] = []
    fetch = Prefetcher._fetch

    def noted(self: Prefetcher, index: torch.Tensor) -> torch.Tensor:
        fetched.append(index.tolist())
        return fetch(self, index)

    monkeypatch.setattr(Prefetcher, "_fetch", noted)
    images = Prefetcher(tiny_images, CPU)
    first, second = torch.tensor([3, 1]), torch.tensor([2, 9])
    images.prefetch(first)
    assert torch.equal(images.take(first), tiny_images[first])
    assert fetched == [[3, 1]], "taken from what was prefetched"
    images.prefetch(first)
    assert torch.equal(images.take(second), tiny_images[second]), "another order than announced"
    assert torch.equal(images.take(first), tiny_images[first])
    assert fetched[-1] == [3, 1] and len(images) == 10


def test_what_fits_a_quarter_of_the_free_memory_is_kept_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr(prefetch.torch.cuda, "mem_get_info", lambda device: (4000, 8000))
    assert storage_device(1000, gpu) == gpu
    assert storage_device(1001, gpu) == CPU
    assert storage_device(1, CPU) == CPU
