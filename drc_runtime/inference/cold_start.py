"""Where a chain begins that has no frame before it: at noise, or where the bundle's initialiser puts it; and how it goes on."""

from typing import Protocol

import numpy as np

from drc_runtime.bundle.manifest import INITIAL_LATENT, Manifest, Sampler
from drc_runtime.engines.protocol import Array, BoundGraph, Engine
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.options import Sampling
from drc_runtime.inference.schedule import relative_steps


class Noise(Protocol):
    """Draws latents from N(0, I), as ``LangevinSampler`` does."""

    def noise(self) -> Array:
        """``(B, D)`` float32."""


class ColdStart:
    """Begins chains.

    Attributes:
        steps: Langevin steps of a chain, if nobody asks for another number.
        is_learned: whether chains begin at the initialiser's latent instead of noise.
    """

    def __init__(self, noise: Noise, settings: Sampler, initial: BoundGraph | None = None) -> None:
        """Takes what draws noise, the bundle's numbers of steps, and ``initial_latent`` if chains begin there."""
        self.is_learned = initial is not None
        self._noise, self._initial = noise, initial
        self.steps, self._schedule = settings.cold_steps, settings.schedule
        if initial is not None and settings.initial is not None:
            self.steps, self._schedule = settings.initial.steps, settings.initial.schedule

    @classmethod
    def of(cls, engine: Engine, manifest: Manifest, noise: Noise, from_noise: bool = False) -> "ColdStart":
        """The cold start of a bundle.

        Args:
            engine: with the bundle loaded.
            manifest: of the bundle.
            noise: draws where chains begin that do not begin at the initialiser's latent.
            from_noise: begin at noise although the bundle has an initialiser.

        Raises:
            UsageError: ``from_noise`` for a bundle without an initialiser.
            EngineError: the engine cannot load ``initial_latent``.
        """
        check_from_noise(manifest, from_noise)
        if manifest.sampler.initial is None:
            return cls(noise, manifest.sampler)
        initial = None if from_noise else engine.bind(INITIAL_LATENT, ("z",))
        return cls(noise, manifest.sampler, initial)

    def z(self, image: Array) -> Array:
        """Where the chain of ``image``, ``(B, 3, H, W)`` or ``(3, H, W)`` in [-1, 1], begins: ``(B, D)``.

        Raises:
            EngineError: the initialiser's latent is not finite, or the backend failed.
        """
        if self._initial is None:
            return self._noise.noise()
        np.copyto(self._initial.inputs["image"], image)
        self._initial.run()
        z = self._initial.outputs["z"].copy()
        if not np.isfinite(z).all():
            raise EngineError("the initialiser's latent is not finite; --from-noise does without it")
        return z

    def sizes(self, steps: int) -> Array | None:
        """The factors ``(steps,)`` of a chain's steps, see ``relative_steps``; None where all are 1."""
        return relative_steps(self._schedule, steps)


def check_from_noise(manifest: Manifest, from_noise: bool) -> None:
    """Refuses ``from_noise`` where it has no effect.

    Raises:
        UsageError: the bundle has no initialiser that chains could do without.
    """
    if from_noise and manifest.sampler.initial is None:
        raise UsageError(f"--from-noise has no effect: the model {manifest.name!r} has no initialiser; leave it out")


def uses_noise(manifest: Manifest, sampling: Sampling) -> bool:
    """Whether a chain draws noise: at its start, or in its steps."""
    return manifest.sampler.initial is None or sampling.from_noise or sampling.temperature > 0


def check_seed(manifest: Manifest, seed: int | None, sampling: Sampling) -> None:
    """Refuses a seed where it has no effect.

    Raises:
        UsageError: chains begin at the initialiser's latent and take their steps without noise.
    """
    if seed is not None and not uses_noise(manifest, sampling):
        raise UsageError(
            f"--seed has no effect: chains of the model {manifest.name!r} begin at its initialiser and take no noise; leave it "
            "out, or add --from-noise or --temperature"
        )
