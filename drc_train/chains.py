"""The persistent chains: one posterior and one prior latent for each picture, and the order in which pictures are visited."""

import torch
from torch import Tensor


class Chains:
    """Persistent Langevin chains (Algorithm 1), kept in main memory: 2 x N x D float32."""

    def __init__(self, pictures: int, dimensions: int, random: torch.Generator) -> None:
        """Both chains of each picture start at the reference distribution N(0, I)."""
        self.posterior = torch.randn(pictures, dimensions, generator=random)
        self.prior = torch.randn(pictures, dimensions, generator=random)
        self.order = torch.randperm(pictures, generator=random)
        self.position = 0

    def next_batch(self, batch: int, redraw: float, follow: float, random: torch.Generator) -> Tensor:
        """The next ``batch`` pictures' indices: every picture once before any comes twice.

        With the chance ``redraw`` a picture's posterior chain starts anew from noise, so that the generators also learn from
        chains as short as those of inference; with the chance ``follow`` it starts at the previous picture's, so that they
        learn from chains that do what tracking does.
        """
        if self.position + batch > len(self.order):
            self.order = torch.randperm(len(self.order), generator=random)
            self.position = 0
        index = self.order[self.position : self.position + batch]
        self.position += batch
        if follow:
            behind = index[(torch.rand(batch, generator=random) < follow) & (index > 0)]
            self.posterior[behind] = self.posterior[behind - 1]
        if redraw:
            anew = index[torch.rand(batch, generator=random) < redraw]
            self.posterior[anew] = torch.randn(len(anew), self.posterior.shape[1], generator=random)
        return index
