"""Several processes that learn one model together, started by torchrun, with Lightning Fabric between them.

The networks are called through a handful of functions, the traced gradient among them, and not through one ``forward``; so
their gradients are averaged here, in one piece, instead of by a wrapper round the module.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from drc_runtime.errors import MissingDependencyError

GATHERED = 16 * 2**20
"""Numbers that travel at a time when chains are gathered."""


class Processes:
    """This process and its companions. All of them call the methods, in the same order."""

    def __init__(self, device: torch.device, shards: int = 1, fabric: Any = None) -> None:
        """One process alone, or this one of ``fabric``'s.

        Args:
            device: where this process computes.
            shards: for one process alone: the order of images is that of so many processes.
            fabric: a launched ``lightning_fabric.Fabric``.
        """
        self.device, self._fabric = device, fabric
        self.rank: int = fabric.global_rank if fabric else 0
        self.count: int = fabric.world_size if fabric else 1
        self.shards = self.count if fabric else shards

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Gives every process the mean of all processes' gradients, as if it had seen all their images."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        mean = self._fabric.all_reduce(torch.cat([it.flatten() for it in gradients]), reduce_op="mean")
        for gradient, part in zip(gradients, mean.split([it.numel() for it in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def any(self, *answers: bool) -> tuple[bool, ...]:
        """For each question whether at least one process says yes."""
        if self.count == 1:
            return answers
        votes = torch.tensor(answers, dtype=torch.float32, device=self.device)
        return tuple(bool(vote) for vote in self._fabric.all_reduce(votes, reduce_op="sum") > 0)

    def mean(self, figures: dict[str, float]) -> dict[str, float]:
        """The mean of each figure over the processes, which all name the same ones."""
        if self.count == 1:
            return figures
        values = torch.tensor(list(figures.values()), dtype=torch.float64, device=self.device)
        values = self._fabric.all_reduce(values, reduce_op="mean")
        return dict(zip(figures, values.tolist(), strict=True))

    def gather(self, rows: Tensor, first: int, total: int) -> Tensor:
        """Every process's ``rows (n, D)``, which begin at row ``first`` of ``(total, D)``, as one tensor in main memory."""
        if self.count == 1:
            return rows.detach().cpu()
        whole = torch.zeros(total, rows.shape[1])
        whole[first : first + len(rows)] = rows.detach().cpu()
        for part in whole.split(max(GATHERED // rows.shape[1], 1)):
            part.copy_(self._fabric.all_reduce(part.to(self.device), reduce_op="sum").cpu())
        return whole

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process does the block before the others begin it: what it leaves on the disk is then there for them."""
        if self.rank:
            self._fabric.barrier()
        yield
        if self.count > 1 and not self.rank:
            self._fabric.barrier()


def join_processes() -> Processes:
    """The processes that torchrun started, or this one alone.

    Raises:
        MissingDependencyError: there are several, and Lightning Fabric is not installed.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Processes(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise MissingDependencyError(
            "learning in several processes needs Lightning Fabric: pip install 'drc[train]'"
        ) from error
    here = int(os.environ.get("LOCAL_WORLD_SIZE", count))
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    fabric = Fabric(accelerator=accelerator, devices=here, num_nodes=count // here, strategy="ddp")
    fabric.launch()
    return Processes(fabric.device, fabric=fabric)
