"""Learns the initialiser from a learner's images, its persistent chains, and images that its generators draw."""

import torch
from torch import Tensor

from drc_train.learner.em import Learner
from drc_train.model.initialiser import Initialiser

RATE = 1e-3
"""Learning rate (Adam)."""
WARM_UP = 50
"""Steps in which the rate rises to ``RATE``."""
LAST_RATE = 0.02
"""Share of ``RATE`` at the end; between both it falls in a straight line."""
CHAIN_PULL = 0.05
"""Weight of the pull to the chain's latent, beside the gradient of the log-posterior: -|z - chain|^2 / 2 times this."""


class InitialiserLearner:
    """Moves the initialiser so that its latents climb the log-posterior.

    Half of a batch are the learner's images. The other half are drawn: each part of z (foreground, background, re-assignment)
    comes from another image's chain, so that the initialiser sees more scenes than there are images. The gradient of the
    log-posterior in z is that of the E-step's own graph, which is compiled already; here it goes on into the initialiser.
    """

    def __init__(self, learner: Learner, network: Initialiser, steps: int, seed: int) -> None:
        """Takes the finished learner, whose networks stay as they are.

        Args:
            learner: its model, chains, images and compiled steps.
            network: on the learner's device; is changed.
            steps: that are to come.
            seed: of the batches.
        """
        self._learner, self._network, self._steps = learner, network, steps
        self._random = torch.Generator().manual_seed(seed)
        self._optimiser = torch.optim.Adam(network.parameters(), RATE)
        self._done = 0

    def step(self) -> float:
        """One step; the mean log-posterior of the batch's latents before it."""
        learner = self._learner
        learner.take_compiled()
        image, target = self._batch()
        for group in self._optimiser.param_groups:
            left = max(LAST_RATE, 1 - self._done / self._steps)
            group["lr"] = RATE * min(1.0, (self._done + 1) / WARM_UP) * left
        z = self._network(image)
        start = z.detach()
        reached, log_posterior = learner.sampler.climb(start, image)
        finite = reached.isfinite().all(1, keepdim=True) & log_posterior.isfinite()[:, None]
        pull = (reached - start) * (2 / learner.config.train.posterior_step_size**2) + CHAIN_PULL * (target - start)
        self._optimiser.zero_grad(set_to_none=True)
        z.backward(torch.where(finite, -pull, 0) / len(z))
        self._optimiser.step()
        self._done += 1
        return float(log_posterior[finite[:, 0]].mean())

    @torch.no_grad()
    def _batch(self) -> tuple[Tensor, Tensor]:
        learner, drawn = self._learner, self._learner.batch // 2
        index = self._draw(learner.batch)
        image, target = learner.images(index), learner.chains.take(index)[0]
        if not drawn:
            return image, target
        sizes = self._network.parts
        others = [torch.split(learner.chains.take(self._draw(drawn))[0], sizes, 1) for _ in sizes]
        mixed = torch.cat([other[part] for part, other in enumerate(others)], 1)
        regions = learner.model(mixed)
        scene = regions.mask * regions.foreground + (1 - regions.mask) * regions.background
        return torch.cat((image[drawn:], scene)), torch.cat((target[drawn:], mixed))

    def _draw(self, count: int) -> Tensor:
        chains = self._learner.chains
        return torch.randint(len(chains), (count,), generator=self._random) + chains.first
