"""Batches of images on the device, fetched before they are needed."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

RESIDENT_SHARE = 0.25
"""Images, and likewise chains, are kept on the GPU if they need at most this share of its free memory."""


def storage_device(size: int, device: torch.device) -> torch.device:
    """Where to keep ``size`` bytes that ``device`` needs a few rows at a time: on ``device`` if they fit, else on the CPU."""
    if device.type != "cuda":
        return torch.device("cpu")
    free, _ = torch.cuda.mem_get_info(device)
    return device if size <= RESIDENT_SHARE * free else torch.device("cpu")


class Prefetcher:
    """Batches of images on the device.

    Prefetches the next batch to hide disk and transfer latency, unless all images are on the device.
    """

    def __init__(self, images: Tensor, device: torch.device) -> None:
        """``images (N, 3, H, W)`` uint8 may be mapped from a file."""
        self._device = device
        where = storage_device(images.numel(), device)
        self._images = images if where.type == "cpu" else images.to(where)
        self._pool: ThreadPoolExecutor | None = None
        self._pending: tuple[Tensor, Future[Tensor]] | None = None

    def __len__(self) -> int:
        return len(self._images)

    def prefetch(self, index: Tensor) -> None:
        """Starts to fetch the images ``index (B,)`` in a thread, for the next call of ``take``."""
        if self._images.device.type != "cpu":
            return
        self._pool = self._pool or ThreadPoolExecutor(1, "images")
        self._pending = index, self._pool.submit(self._fetch, index)

    def take(self, index: Tensor) -> Tensor:
        """The images ``index (B,)``: ``(B, 3, H, W)`` uint8 on the device."""
        pending, self._pending = self._pending, None
        if pending is not None and torch.equal(pending[0], index):
            images = pending[1].result()
        else:
            images = self._fetch(index)
        return images.to(self._device, non_blocking=True)

    def _fetch(self, index: Tensor) -> Tensor:
        images = self._images[index.to(self._images.device)]
        return images.pin_memory() if self._device.type == "cuda" and images.device.type == "cpu" else images
