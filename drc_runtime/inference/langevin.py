"""Langevin sampling of the posterior with an exported step: one graph, buffers bound once, a fixed number of runs."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from drc_runtime.bundle.manifest import LIT
from drc_runtime.engines.protocol import Array, Engine
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.noise import NormalNoise

MAPS = ("log_posterior", "mask", "foreground", "background")
"""Outputs of ``posterior_step`` that every sample has."""

HIGHEST_TEMPERATURE = 10


@dataclass(frozen=True)
class PosteriorSample:
    """A latent of the posterior chain and the maps generated from it. The next run overwrites the maps."""

    z: Array
    """(B, D) after the last step."""
    log_posterior: Array
    """(B,) before the last step, without constants."""
    mask: Array
    """(B, 1, H, W) in [0, 1]: the mixture weight pi_f."""
    foreground: Array
    """(B, 3, H, W) in [-1, 1]; with several slots their mean, weighted by their shares of pi_f."""
    background: Array
    """(B, 3, H, W) in [-1, 1], re-assigned."""
    responsibility: Array | None = None
    """(B, 1, H, W) in [0, 1]: Eq. 7 as the graph computes it. None unless the sampler fetches it."""

    def copy(self) -> "PosteriorSample":
        """A deep copy, unaffected by the next run."""
        return self._map(np.copy)

    def row(self, index: int) -> "PosteriorSample":
        """Row ``index`` of the batch, as views: a sample of batch 1."""
        return self._map(lambda array: array[index : index + 1])

    def _map(self, function: Callable[[Array], Array]) -> "PosteriorSample":
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return PosteriorSample(**{name: function(array) for name, array in arrays.items() if array is not None})


class LangevinSampler:
    """Runs ``posterior_step`` a fixed number of times for one image (Listing 2).

    The maps of a sample are those before its last step. That step's forward pass computes them anyway, so K steps cost K runs
    of the graph and no rendering afterwards.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        responsibility: bool = False,
        given_background: bool = False,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Binds the graph.

        Args:
            engine: the backend, with a bundle loaded.
            responsibility: whether to fetch the graph's responsibility, for models that need it (``mask.needs_responsibility``).
            given_background: whether the graph takes the background, see ``give``.
            temperature: scale of the noise: 1 samples the posterior, 0 is gradient ascent, which keeps masks steady.
            seed: of the noise, from 0 to 2^64 - 1.

        Raises:
            EngineError: the engine has no graph ``posterior_step``.
            UsageError: the seed is out of range, or the temperature not in [0, 10].
        """
        if not 0 <= temperature <= HIGHEST_TEMPERATURE:
            raise UsageError(
                f"--temperature {temperature:g} is out of range; use a number from 0 to {HIGHEST_TEMPERATURE}"
            )
        maps = (*MAPS[:-1], LIT) if given_background else MAPS
        self._maps = (*maps, "responsibility") if responsibility else maps
        self._moving = engine.bind("posterior_step", ("z_next",))
        self._last = engine.bind("posterior_step", ("z_next", *self._maps))
        self._inputs = self._last.inputs
        self._temperature = temperature
        self._random = NormalNoise(seed)

    def reseed(self, seed: int) -> None:
        """Restarts the noise with ``seed``, so that later results do not depend on earlier calls."""
        self._random = NormalNoise(seed)

    def noise(self) -> Array:
        """A latent ``(B, D)`` from N(0, I), where a cold start begins."""
        return self._random.draw(self._inputs["z"].shape)

    def draws(self, steps: int, start: bool = True) -> int:
        """How many draws of noise a chain of ``steps`` steps takes, with that of its start if it begins there."""
        return start + (steps if self._temperature else 0)

    def seek(self, draw: int) -> None:
        """Makes the noise's draw number ``draw``, counted from 0, the next one."""
        self._random.seek(draw)

    def give(self, **inputs: Array) -> None:
        """Sets further inputs of the graph, by name, for the runs that follow: a given background and its scale."""
        for name, value in inputs.items():
            np.copyto(self._inputs[name], value)

    def run(self, image: Array, z: Array, steps: int, sizes: Array | None = None) -> PosteriorSample:
        """``steps`` steps from ``z (B, D)`` towards the posterior of ``image``.

        Args:
            image: ``(B, 3, H, W)`` or ``(3, H, W)``, float32 in [-1, 1].
            z: ``(B, D)`` float32.
            steps: 1 or more.
            sizes: ``(steps,)`` the factors a_k of the steps (``schedule.relative_steps``); None: all are 1. The graph's step has
                size s: z_next - z = s^2 / 2 gradient + s noise. Times a_k it is Langevin's step of size sqrt(a_k) s (Eq. 13) if
                the noise that goes in is divided by sqrt(a_k).

        Raises:
            EngineError: the chain left the range of float32, or the backend failed.
        """
        latent, noise = self._inputs["z"], self._inputs["noise"]
        np.copyto(self._inputs["image"], image)
        np.copyto(latent, z)
        for step in range(steps):
            graph = self._last if step == steps - 1 else self._moving
            if self._temperature:
                spread = self._temperature if sizes is None else self._temperature / np.sqrt(sizes[step])
                np.multiply(self.noise(), np.float32(spread), out=noise)
            graph.run()
            if sizes is None:
                np.copyto(latent, graph.outputs["z_next"])
            else:
                latent += sizes[step] * (graph.outputs["z_next"] - latent)
        # the log-posterior is checked as well: it is not finite as soon as a frame or a map is not, and z only later
        if not (np.isfinite(latent).all() and np.isfinite(self._last.outputs["log_posterior"]).all()):
            raise EngineError(f"the Langevin chain diverged within {steps} steps: the model's step size is too large")
        outputs = self._last.outputs
        return PosteriorSample(latent.copy(), *(outputs[name] for name in self._maps))
