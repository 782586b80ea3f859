"""Where images and chains wait for their turn: on the device where they fit, otherwise in main memory, fetched ahead."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

RESIDENT_SHARE = 0.25
"""Images, and likewise chains, live on the device if they need no more than this of its free memory."""


def home(size: int, device: torch.device) -> torch.device:
    """Where something of ``size`` bytes that is needed on ``device`` a few rows at a time should live."""
    if device.type != "cuda":
        return torch.device("cpu")
    free, _ = torch.cuda.mem_get_info(device)
    return device if size <= RESIDENT_SHARE * free else torch.device("cpu")


class Feed:
    """Batches of images on the device.

    Images that do not live there are gathered by a thread while the iteration before is at work, so that a disk's or the
    bus's time is not waited for.
    """

    def __init__(self, images: Tensor, device: torch.device) -> None:
        """``images (N, 3, H, W)`` uint8 may be mapped from a file."""
        self._device = device
        where = home(images.numel(), device)
        self._images = images if where.type == "cpu" else images.to(where)
        self._ahead: ThreadPoolExecutor | None = None
        self._fetched: tuple[Tensor, Future[Tensor]] | None = None

    def __len__(self) -> int:
        return len(self._images)

    def prefetch(self, index: Tensor) -> None:
        """Begins to gather the images ``index (B,)``, which ``take`` will be asked for next."""
        if self._images.device.type != "cpu":
            return
        self._ahead = self._ahead or ThreadPoolExecutor(1, "images")
        self._fetched = index, self._ahead.submit(self._gather, index)

    def take(self, index: Tensor) -> Tensor:
        """The images ``index (B,)``: ``(B, 3, H, W)`` uint8 on the device."""
        fetched, self._fetched = self._fetched, None
        if fetched is not None and torch.equal(fetched[0], index):
            images = fetched[1].result()
        else:
            images = self._gather(index)
        return images.to(self._device, non_blocking=True)

    def _gather(self, index: Tensor) -> Tensor:
        images = self._images[index.to(self._images.device)]
        return images.pin_memory() if self._device.type == "cuda" and images.device.type == "cpu" else images
