"""How large a student's masks are: as large as those that it learned from, on average."""

import numpy as np
import torch
from numpy.typing import NDArray

from drc_train.learner.student import BATCH
from drc_train.model.student import Student


@torch.no_grad()
def log_odds(network: Student, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The foreground's log-odds ``(N, S, S)`` in pictures ``(N, 3, S, S)`` uint8 RGB."""
    network.eval()
    found = np.zeros((len(images), *images.shape[2:]), np.float32)
    for first in range(0, len(images), BATCH):
        batch = torch.from_numpy(images[first : first + BATCH]).float() / 127.5 - 1
        found[first : first + BATCH] = network(batch)[:, 0].numpy()
    return found


@torch.no_grad()
def set_share(network: Student, images: NDArray[np.uint8], share: float) -> None:
    """Moves a network's log-odds so that ``share`` of all pixels of the pictures are above 0.

    Where it is not sure, the soft IoU in a student's loss makes its masks too large; what it learned from says how large they
    are.
    """
    level = float(np.quantile(log_odds(network, images), 1 - share))
    assert network.head.bias is not None
    network.head.bias -= level
