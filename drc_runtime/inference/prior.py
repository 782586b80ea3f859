"""Samples of the learned prior (Fig. S20): Langevin on the exported ``prior_step``, then the generators (``render``)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines import load_engine
from drc_runtime.engines.protocol import Array
from drc_runtime.errors import BundleError, EngineError, UsageError
from drc_runtime.inference.noise import NormalNoise

PRIOR_STEPS = 60
"""K0 of Appendix B. A training chain goes on from where it was; from noise the paper's figure takes as many steps."""
GENERATORS = "render"
"""The graph that draws every region of a latent."""
STEP = "prior_step"
REGIONS = ("image", "foreground", "background", "mask")


@dataclass(frozen=True)
class PriorSample:
    """One latent of the prior and what the generators draw from it."""

    z: Array
    """(D,)"""
    energy: float | None
    """Of Eq. 2, before the last step; None without steps."""
    image: Array
    """(3, H, W) in [-1, 1]: the regions, mixed by the mask."""
    foreground: Array
    """(3, H, W) in [-1, 1]."""
    background: Array
    """(3, H, W) in [-1, 1], re-assigned."""
    mask: Array
    """(1, H, W) in [0, 1]: the mixture weight pi_f."""


def sample_prior(
    bundle: Bundle, count: int, steps: int = PRIOR_STEPS, seed: int = 0, *, engine: str = "onnxruntime"
) -> Iterator[PriorSample]:
    """Draws samples: each chain starts from N(0, I) and has noise of temperature 1 (Eq. 13 without an image).

    Args:
        bundle: with the graphs ``render`` and, for a chain, ``prior_step``.
        count: samples, 1 or more.
        steps: Langevin steps of each; 0 draws from N(0, I), the prior of a model with amortised inference.
        seed: of the noise, from 0 to 2^64 - 1. The same seed gives the same latents.

        engine: the backend, one of ``drc_runtime.engines.ENGINES``.

    Raises:
        UsageError: an unknown backend, a count, number of steps or seed out of range, or a model whose background is an input.
        BundleError: the bundle has no graph that this needs.
        EngineError: a chain left the range of float32, or the backend failed.
    """
    if count < 1 or steps < 0:
        raise UsageError(f"cannot draw {count} samples with {steps} steps: give --count from 1 and --steps from 0")
    if bundle.manifest.background == "input":
        raise UsageError(
            f"the model {bundle.manifest.name!r} draws no background of its own, so it has no pictures to sample; take another"
        )
    if GENERATORS not in bundle.manifest.graphs:
        raise BundleError(f"{bundle.folder} has no graph {GENERATORS!r}, which draws a latent: export the run again")
    if steps and STEP not in bundle.manifest.graphs:
        raise BundleError(
            f"{bundle.folder} has no graph {STEP!r}: export the run again, or give --steps 0, which draws from N(0, I), the "
            "prior of amortised inference"
        )
    random, backend = NormalNoise(seed), load_engine(engine, bundle)
    generators = backend.bind(GENERATORS, REGIONS)
    chain = backend.bind(STEP, ("z_next", "energy")) if steps else None
    shape = generators.inputs["z"].shape

    def draw() -> Iterator[PriorSample]:
        left = count
        while left:
            z = random.draw(shape)
            energies = None
            for _ in range(steps if chain else 0):
                assert chain is not None
                np.copyto(chain.inputs["z"], z)
                np.copyto(chain.inputs["noise"], random.draw(shape))
                chain.run()
                z, energies = chain.outputs["z_next"].copy(), chain.outputs["energy"].copy()
            if not np.isfinite(z).all():
                raise EngineError(f"the prior's chain diverged within {steps} steps: give fewer --steps")
            np.copyto(generators.inputs["z"], z)
            generators.run()
            drawn = [generators.outputs[name].copy() for name in REGIONS]
            for row in range(min(left, len(z))):
                yield PriorSample(
                    z[row], None if energies is None else float(energies[row]), *(it[row] for it in drawn)
                )
            left -= min(left, len(z))

    return draw()
