"""Data-parallel training in several processes that torchrun started, over Lightning Fabric.

The learner calls the networks through several functions, the traced gradient among them, and not through one ``forward``.
So it averages the gradients itself, in one tensor, instead of wrapping the module in DistributedDataParallel.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from drc_runtime.packages import require

GATHERED = 16 * 2**20
"""Numbers that one collective call sends when the chains are gathered."""


class ProcessGroup:
    """This process and the others that train the same model.

    Every method is a collective: all processes must call it, in the same order.
    """

    def __init__(self, device: torch.device, shards: int = 1, fabric: Any = None) -> None:
        """A single process, or this process of ``fabric``.

        Args:
            device: where this process computes.
            shards: for a single process: visit the images in the order of this many processes.
            fabric: a launched ``lightning_fabric.Fabric``.
        """
        self.device, self._fabric = device, fabric
        self.rank: int = fabric.global_rank if fabric else 0
        self.size: int = fabric.world_size if fabric else 1
        self.shards = self.size if fabric else shards

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and messages for all of them."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replaces every gradient by its mean over all processes."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        mean = self._fabric.all_reduce(torch.cat([it.flatten() for it in gradients]), reduce_op="mean")
        for gradient, part in zip(gradients, mean.split([it.numel() for it in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag, whether it is set in at least one process."""
        if self.size == 1:
            return flags
        votes = torch.tensor(flags, dtype=torch.float32, device=self.device)
        return tuple(bool(vote) for vote in self._fabric.all_reduce(votes, reduce_op="sum") > 0)

    def mean(self, figures: dict[str, float]) -> dict[str, float]:
        """The mean of each figure over the processes, which must all pass the same names."""
        if self.size == 1:
            return figures
        values = torch.tensor(list(figures.values()), dtype=torch.float64, device=self.device)
        values = self._fabric.all_reduce(values, reduce_op="mean")
        return dict(zip(figures, values.tolist(), strict=True))

    def gather(self, rows: Tensor, first: int, total: int) -> Tensor:
        """Joins the rows of all processes.

        Args:
            rows: ``(n, D)``, the rows of this process.
            first: the index of its first row in the result.
            total: rows of all processes together.

        Returns:
            ``(total, D)`` in main memory.
        """
        if self.size == 1:
            return rows.detach().cpu()
        whole = torch.zeros(total, rows.shape[1])
        whole[first : first + len(rows)] = rows.detach().cpu()
        for part in whole.split(max(GATHERED // rows.shape[1], 1)):
            part.copy_(self._fabric.all_reduce(part.to(self.device), reduce_op="sum").cpu())
        return whole

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Runs the block in the first process before the others start it, so that they find the files it wrote."""
        if self.rank:
            self._fabric.barrier()
        yield
        if self.size > 1 and not self.rank:
            self._fabric.barrier()


def join_process_group() -> ProcessGroup:
    """The processes that torchrun started, or this one alone.

    Raises:
        MissingDependencyError: there are several, and Lightning Fabric is not installed.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return ProcessGroup(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    lightning = require("lightning_fabric", extra="train", purpose="training in several processes")
    local = int(os.environ.get("LOCAL_WORLD_SIZE", count))
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    fabric = lightning.Fabric(accelerator=accelerator, devices=local, num_nodes=count // local, strategy="ddp")
    fabric.launch()
    return ProcessGroup(fabric.device, fabric=fabric)
