"""The fixed-step Langevin loop over an exported step: K runs of one graph with buffers bound once."""

from dataclasses import dataclass, fields

import numpy as np

from drc_runtime.engines.protocol import Array, Engine
from drc_runtime.errors import EngineError
from drc_runtime.inference.noise import NormalNoise

MAPS = ("log_posterior", "mask", "foreground", "background")


@dataclass(frozen=True)
class PosteriorSample:
    """A latent of the posterior chain and what it stands for. The arrays are views that the next run overwrites."""

    z: Array
    """(B, D): where the chain stands after its last step."""
    log_posterior: Array
    """(B,) at the last step's start, without constants."""
    mask: Array
    """(B, 1, H, W) in [0, 1]: the mixture weight pi_f."""
    foreground: Array
    """(B, 3, H, W) in [-1, 1]."""
    background: Array
    """(B, 3, H, W) in [-1, 1], re-assigned."""

    def copy(self) -> "PosteriorSample":
        """The same, for keeps."""
        return PosteriorSample(*(np.copy(getattr(self, field.name)) for field in fields(self)))


class LangevinSampler:
    """Runs ``posterior_step`` a fixed number of times for one image (Listing 2).

    The maps of a sample belong to the start of its last step: the forward pass has them anyway, so K steps cost K runs and no
    rendering afterwards.
    """

    def __init__(self, engine: Engine, *, temperature: float = 0.0, seed: int = 0) -> None:
        """``temperature`` scales the noise: 1 samples the posterior, 0 climbs its gradient, which keeps masks steady."""
        self._moving = engine.bind("posterior_step", ("z_next",))
        self._last = engine.bind("posterior_step", ("z_next", *MAPS))
        self._inputs = self._last.inputs
        self._temperature = temperature
        self._random = NormalNoise(seed)

    def reseed(self, seed: int) -> None:
        """Begins the noise anew, so that what follows does not depend on what came before."""
        self._random = NormalNoise(seed)

    def noise(self) -> Array:
        """A latent ``(B, D)`` from the reference distribution N(0, I): where a cold start begins."""
        return self._random.draw(self._inputs["z"].shape)

    def run(self, image: Array, z: Array, steps: int) -> PosteriorSample:
        """``steps`` steps from ``z (B, D)`` towards the posterior of ``image (B, 3, H, W)`` in [-1, 1].

        Raises:
            EngineError: the chain left the range of float32, or the backend failed.
        """
        latent, noise = self._inputs["z"], self._inputs["noise"]
        np.copyto(self._inputs["image"], image)
        np.copyto(latent, z)
        for step in range(steps):
            graph = self._last if step == steps - 1 else self._moving
            if self._temperature:
                np.multiply(self.noise(), np.float32(self._temperature), out=noise)
            graph.run()
            np.copyto(latent, graph.outputs["z_next"])
        # a frame or a map that is not finite shows in the log-posterior before it shows in the latent
        if not (np.isfinite(latent).all() and np.isfinite(self._last.outputs["log_posterior"]).all()):
            raise EngineError(
                f"the Langevin chain diverged within {steps} steps; the step size does not suit this model"
            )
        outputs = self._last.outputs
        return PosteriorSample(latent.copy(), *(outputs[name] for name in MAPS))
