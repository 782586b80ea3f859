"""The persistent chains: one posterior and one prior latent for each image, and the order in which images are visited."""

import torch
from torch import Tensor

from drc_train.learner.distributed import Processes
from drc_train.learner.prefetch import home


class Chains:
    """Persistent Langevin chains (Algorithm 1): 2 x N x D float32, on the device where they fit.

    Of several processes each keeps the chains of a block of neighbouring images, and every batch takes as many images from
    each block. All processes draw the same random numbers and use their own part, so that together they do what one process
    with the same blocks does.
    """

    def __init__(self, images: int, dimensions: int, random: torch.Generator, processes: Processes) -> None:
        """Both chains of each image start at the reference distribution N(0, I)."""
        self.images, self._processes = images, processes
        bounds = [block * images // processes.shards for block in range(processes.shards + 1)]
        self._firsts = torch.tensor(bounds[:-1])
        self._shortest = min(end - begin for begin, end in zip(bounds, bounds[1:], strict=False))
        self._sizes = [end - begin for begin, end in zip(bounds, bounds[1:], strict=False)]
        whole = processes.count == 1
        self.first = 0 if whole else bounds[processes.rank]
        """The first image whose chains are kept here."""
        end = images if whole else bounds[processes.rank + 1]
        where = home(2 * 4 * (end - self.first) * dimensions, processes.device)
        self.posterior, self.prior = (
            torch.randn(images, dimensions, generator=random)[self.first : end].to(where) for _ in range(2)
        )
        self.order = self._draw_order(random)
        """Images in the order of their turns, ``(blocks, images)``."""
        self.position = 0

    def __len__(self) -> int:
        """Images whose chains are kept here."""
        return len(self.posterior)

    def next_batch(self, batch: int, redraw: float, follow: float, random: torch.Generator) -> Tensor:
        """This process's next ``batch`` images' indices: every image once before any comes twice.

        With the chance ``redraw`` an image's posterior chain starts anew from noise, so that the generators also learn from
        chains as short as those of inference; with the chance ``follow`` it starts at the previous image's, so that they
        learn from chains that do what tracking does.
        """
        each = self._of_each_block(batch)
        if self.position + each > self.order.shape[1]:
            self.order, self.position = self._draw_order(random), 0
        index = self.order[:, self.position : self.position + each].flatten()
        self.position += each
        if follow:
            behind = index[(torch.rand(len(index), generator=random) < follow) & ~torch.isin(index, self._firsts)]
            rows = self._rows(behind[self._kept_here(behind)])
            self.posterior[rows] = self.posterior[rows - 1]
        if redraw:
            anew = index[torch.rand(len(index), generator=random) < redraw]
            drawn = torch.randn(len(anew), self.posterior.shape[1], generator=random)
            here = self._kept_here(anew)
            self.posterior[self._rows(anew[here])] = drawn[here].to(self.posterior.device)
        return index[self._kept_here(index)]

    def peek(self, batch: int) -> Tensor | None:
        """The indices that ``next_batch`` will give next; None at the end of a round, where they have yet to be drawn."""
        each = self._of_each_block(batch)
        index = self.order[:, self.position : self.position + each]
        return index[:, :each].flatten()[self._kept_here(index.flatten())] if index.shape[1] == each else None

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior and prior latents ``(B, D)`` of ``index``, on the device."""
        rows = self._rows(index)
        return self.posterior[rows].to(self._processes.device), self.prior[rows].to(self._processes.device)

    def put(self, index: Tensor, posterior: Tensor, prior: Tensor | None = None) -> None:
        """Keeps where the chains of ``index`` stand."""
        rows, where = self._rows(index), self.posterior.device
        self.posterior[rows] = posterior.to(where)
        if prior is not None:
            self.prior[rows] = prior.to(where)

    def gathered(self) -> tuple[Tensor, Tensor]:
        """The posterior and prior chains of all processes, ``(N, D)`` each, in main memory."""
        posterior, prior = (
            self._processes.gather(rows, self.first, self.images) for rows in (self.posterior, self.prior)
        )
        return posterior, prior

    def restore(
        self, posterior: Tensor, prior: Tensor, order: Tensor, position: int, sides_before: int, sides: int
    ) -> bool:
        """Takes ``gathered`` chains and the order up again; chains of images that were added since stay as drawn.

        Args:
            posterior: ``(N, D)``, as is ``prior``.
            prior: see there.
            order: the order of turns.
            position: in it.
            sides_before: how many chains each image had, 2 where it was also learned from mirrored: those come after all
                images' own.
            sides: how many it has now.

        Returns:
            False if the order was that of other images or another number of processes. Then a new round begins, and the
            numbers are not those of a run that never stopped.
        """
        before, now = len(posterior) // sides_before, self.images // sides
        for side in range(min(sides_before, sides)):
            added = side * (now - before)
            index = torch.arange(side * now, side * now + before)
            index = index[self._kept_here(index)]
            self.put(index, posterior[index - added], prior[index - added])
        same = order.shape == self.order.shape and len(posterior) == self.images
        if same:
            self.order, self.position = order, position
        return same

    def _of_each_block(self, batch: int) -> int:
        return batch * self._processes.count // self._processes.shards

    def _draw_order(self, random: torch.Generator) -> Tensor:
        blocks = [torch.randperm(size, generator=random)[: self._shortest] for size in self._sizes]
        return torch.stack(blocks) + self._firsts[:, None]

    def _kept_here(self, index: Tensor) -> Tensor:
        return (index >= self.first) & (index < self.first + len(self))

    def _rows(self, index: Tensor) -> Tensor:
        return (index - self.first).to(self.posterior.device)
