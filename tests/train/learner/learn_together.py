"""Started by torchrun from test_distributed.py: trains in two processes and saves a checkpoint.

torchrun --nproc-per-node 2 learn_together.py OUT ITERATIONS BATCH KEY=VALUE...
"""

import sys
from pathlib import Path

import numpy as np
import torch

from drc_train.config import load_config
from drc_train.learner.distributed import join_process_group
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.record import RunRecord

ABOUT = RunRecord("test", "edge-32", 11)


def images() -> torch.Tensor:
    """(11, 3, 8, 8) uint8: a number that two processes cannot share evenly."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (11, 3, 8, 8), np.uint8))


def main() -> None:
    out, iterations, *overrides = sys.argv[1:]
    group = join_process_group()
    learner = Learner(load_config("edge-32", overrides), images(), group.device, compiled=False, group=group)
    for _ in range(int(iterations)):
        learner.step()
    save_checkpoint(Path(out), learner, ABOUT)
    assert len(learner.chains) == (5, 6)[group.rank], "each image's chains live in one process"


if __name__ == "__main__":
    main()
