"""How many threads PyTorch takes while an export is verified."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 64
"""Image size up to which PyTorch computes a step faster on one thread than on two that wait for each other."""


@contextmanager
def threads_for(image_size: int) -> Iterator[None]:
    """PyTorch computes on one thread where the images are small, and then on as many as before.

    Between the many short operators of a step, idle threads spin: on a busy machine of two cores, a step of 64x64 pixels
    took 9 ms of processor time on one thread and 77 ms on two.
    """
    before = torch.get_num_threads()
    if image_size <= SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
