"""The persistent chains of all images, and the order in which the learner visits the images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from drc_runtime.errors import TrainingError
from drc_train.learner.distributed import ProcessGroup
from drc_train.learner.prefetch import storage_device


@dataclass(frozen=True)
class ChainState:
    """The chains of all processes, as a checkpoint keeps them."""

    posterior: Tensor
    """``(M, D)`` float32, M the number of images times ``sides``."""
    prior: Tensor
    """As ``posterior``."""
    order: Tensor
    """``(blocks, M / blocks)`` int64: the chains in the order of their turns."""
    position: int
    """Turns that each block has taken in this round."""
    sides: int
    """Chains of each image, 1 or 2."""

    @property
    def images(self) -> int:
        """Images that the chains belong to."""
        return len(self.posterior) // self.sides


class Chains:
    """Persistent Langevin chains (Algorithm 1): one posterior and one prior latent for each image.

    With two sides each image has a second pair of chains, for its mirror image: chains 0 to N - 1 belong to the N images, chains
    N to 2 N - 1 to their mirror images. A chain's index below is in [0, M), M = N times the sides. They are 2 x M x D float32,
    on the GPU if they fit.

    With several processes, each keeps the chains of one block of neighbouring indices, and a batch takes the same number from
    each block. All processes draw the same random numbers and use their own part. So together they do what one process with the
    same blocks does.
    """

    def __init__(
        self, images: int, dimensions: int, random: torch.Generator, group: ProcessGroup, sides: int = 1
    ) -> None:
        """Starts all chains at the reference distribution N(0, I).

        Args:
            images: N.
            dimensions: D.
            random: of the latents and of the order.
            group: the processes that share the chains.
            sides: 2 adds the mirror images.
        """
        self.images, self.sides, self._group = images, sides, group
        self.count = images * sides
        """M, the number of all chains."""
        bounds = [block * self.count // group.shards for block in range(group.shards + 1)]
        self._firsts = torch.tensor(bounds[:-1])
        self._sizes = [end - begin for begin, end in zip(bounds, bounds[1:], strict=False)]
        self._shortest = min(self._sizes)
        whole = group.size == 1
        self.first = 0 if whole else bounds[group.rank]
        """Index of the first chain that this process keeps."""
        end = self.count if whole else bounds[group.rank + 1]
        where = storage_device(2 * 4 * (end - self.first) * dimensions, group.device)
        self.posterior, self.prior = (
            torch.randn(self.count, dimensions, generator=random)[self.first : end].to(where) for _ in range(2)
        )
        self.order = self._draw_order(random)
        """Chains in the order of their turns, ``(blocks, M / blocks)``."""
        self.position = 0

    def __len__(self) -> int:
        """Chains that this process keeps."""
        return len(self.posterior)

    def next_batch(self, batch: int, redraw: float, follow: float, random: torch.Generator) -> Tensor:
        """The indices of this process's next batch. Every chain comes once before any comes twice.

        Args:
            batch: chains in a batch of this process.
            redraw: probability that a posterior chain restarts from noise, so that the generators also learn from chains as
                short as those of inference.
            follow: probability that a posterior chain continues from that of the previous image, as tracking does. The first
                image has none before it, nor has its mirror image, nor the first chain of another process's block.
            random: of the order and of both choices.

        Returns:
            ``(batch,)`` int64.
        """
        each = self._of_each_block(batch)
        if self.position + each > self.order.shape[1]:
            self.order, self.position = self._draw_order(random), 0
        index = self.order[:, self.position : self.position + each].flatten()
        self.position += each
        if follow:
            first = torch.isin(index, self._firsts) | (index % self.images == 0)
            chosen = index[(torch.rand(len(index), generator=random) < follow) & ~first]
            rows = self._rows(chosen[self._is_local(chosen)])
            self.posterior[rows] = self.posterior[rows - 1]
        if redraw:
            chosen = index[torch.rand(len(index), generator=random) < redraw]
            noise = torch.randn(len(chosen), self.posterior.shape[1], generator=random)
            local = self._is_local(chosen)
            self.posterior[self._rows(chosen[local])] = noise[local].to(self.posterior.device)
        return index[self._is_local(index)]

    def peek(self, batch: int) -> Tensor | None:
        """The indices that ``next_batch`` returns next; None at the end of a round, whose successor has no order yet."""
        each = self._of_each_block(batch)
        index = self.order[:, self.position : self.position + each]
        return index[:, :each].flatten()[self._is_local(index.flatten())] if index.shape[1] == each else None

    def images_of(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The images that chains belong to: their indices in [0, N), and whether they are mirrored, both ``(B,)``."""
        return index % self.images, index >= self.images

    def spread_images(self, count: int) -> Tensor:
        """The chains of ``count`` images as they are, spread evenly over those that this process, the first one, keeps.

        The first images of a video would be one image many times.
        """
        kept = min(self.images, len(self))
        return torch.linspace(0, kept - 1, min(count, kept)).round().long()

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior and prior latents ``(B, D)`` of the chains ``index (B,)``, on the device."""
        rows = self._rows(index)
        return self.posterior[rows].to(self._group.device), self.prior[rows].to(self._group.device)

    def put(self, index: Tensor, posterior: Tensor, prior: Tensor | None = None) -> None:
        """Stores the latents ``(B, D)`` of the chains ``index (B,)``."""
        rows, where = self._rows(index), self.posterior.device
        self.posterior[rows] = posterior.to(where)
        if prior is not None:
            self.prior[rows] = prior.to(where)

    def state(self) -> ChainState:
        """The chains of all processes, in main memory. A collective: all processes must call it."""
        posterior, prior = (self._group.gather(rows, self.first, self.count) for rows in (self.posterior, self.prior))
        return ChainState(posterior, prior, self.order, self.position, self.sides)

    def check(self, state: ChainState) -> None:
        """Checks that ``load`` can take a state.

        Raises:
            TrainingError: it has more images, latents of another length, or is damaged.
        """
        dimensions = self.posterior.shape[1]
        for name, tensor in (("posterior", state.posterior), ("prior", state.prior)):
            is_whole = tensor.ndim == state.posterior.ndim == 2 and len(state.posterior) >= state.sides
            if (
                not is_whole
                or tensor.shape != (state.images * state.sides, dimensions)
                or tensor.dtype != torch.float32
            ):
                raise TrainingError(
                    f"the chains do not fit the configured networks: {name} is {tuple(tensor.shape)}, expected {dimensions} "
                    "numbers for each image"
                )
        order = state.order
        if order.dtype != torch.int64 or order.ndim != 2 or not ((order >= 0) & (order < len(state.posterior))).all():
            raise TrainingError("the checkpoint is damaged: the order of the images is not one of its chains")
        if not 0 <= state.position <= order.shape[1]:
            raise TrainingError(f"the checkpoint is damaged: position {state.position} of {order.shape[1]} turns")
        if state.images > self.images:
            raise TrainingError(
                f"chains for {state.images} images, but the source has {self.images}: the data changed; start a new run in "
                "another --out"
            )

    def load(self, state: ChainState) -> bool:
        """Takes over a checked state. Chains of images or mirror images that it does not have stay at their noise.

        Returns:
            Whether the order continues. It does not if there are other images or another number of processes than before: then
            a new round begins, and the numbers are not those of an uninterrupted run.
        """
        for side in range(min(state.sides, self.sides)):
            added = side * (self.images - state.images)
            index = torch.arange(side * self.images, side * self.images + state.images)
            index = index[self._is_local(index)]
            self.put(index, state.posterior[index - added], state.prior[index - added])
        same = (state.images, state.sides) == (self.images, self.sides) and state.order.shape == self.order.shape
        if same:
            self.order, self.position = state.order, state.position
        return same

    def _of_each_block(self, batch: int) -> int:
        return batch * self._group.size // self._group.shards

    def _draw_order(self, random: torch.Generator) -> Tensor:
        blocks = [torch.randperm(size, generator=random)[: self._shortest] for size in self._sizes]
        return torch.stack(blocks) + self._firsts[:, None]

    def _is_local(self, index: Tensor) -> Tensor:
        return (index >= self.first) & (index < self.first + len(self))

    def _rows(self, index: Tensor) -> Tensor:
        return (index - self.first).to(self.posterior.device)
