"""The golden check: an engine repeats two steps whose results the bundle knows, and is refused if it computes something else.

It finds what no error message tells: an engine that computes on the inputs of its first run, a driver whose convolution is wrong,
a file that was built for other weights.
"""

import numpy as np

from drc_runtime.bundle.golden import MOST_VALUES, Golden, GoldenStep
from drc_runtime.bundle.manifest import GIVEN, Manifest
from drc_runtime.engines.protocol import Array, BoundGraph, Engine
from drc_runtime.errors import EngineError
from drc_runtime.inference.noise import NormalNoise

SEEDS = 1, 2
TOLERANCE = 0.01
"""Of a graph in float32: a thousand times what engines differ by, a hundredth of what a wrong input makes."""
HALF_TOLERANCE = 0.1
"""Of a graph with float16 convolutions; also that of its check at export."""
OUTPUTS = "z_next", "mask", "log_posterior"
SCALE = 0.1
"""Of each pixel, where the background is an input."""


def golden_inputs(manifest: Manifest, seed: int) -> dict[str, Array]:
    """The inputs of a golden step by name: z and noise as drawn, pictures as half a draw, cut to [-1, 1], a constant scale."""
    draws = NormalNoise(seed)
    shapes = manifest.graphs["posterior_step"].inputs
    pictures = ("image", "background") if "background" in shapes else ("image",)
    found = {name: draws.draw(shapes[name]) for name in ("z", "noise")}
    found |= {name: np.clip(draws.draw(shapes[name]) / 2, -1, 1) for name in pictures}
    if len(pictures) == len(GIVEN):
        found["background_scale"] = np.full(shapes["background_scale"], SCALE, np.float32)
    return found


def record_golden(engine: Engine, manifest: Manifest) -> Golden:
    """The golden steps of a bundle, as an engine that is known to be right computes them.

    Raises:
        EngineError: the engine failed.
    """
    graph = engine.bind("posterior_step", OUTPUTS)
    first, second = (_run(graph, manifest, seed) for seed in SEEDS)
    return Golden(TOLERANCE, first, second)


def golden_error(engine: Engine, manifest: Manifest) -> float:
    """The largest relative error of an engine in the bundle's golden steps, run one after the other through one binding.

    Of z it is that of the step from z, so that a wrong gradient is not hidden behind a long z. Infinite if an output is not
    finite; 0 for a bundle without golden steps.

    Raises:
        EngineError: the engine failed.
    """
    if manifest.golden is None:
        return 0.0
    graph = engine.bind("posterior_step", OUTPUTS)
    errors: list[float] = []
    for expected in (manifest.golden.first, manifest.golden.second):
        found = _run(graph, manifest, expected.seed)
        z = np.array(_spread(golden_inputs(manifest, expected.seed)["z"]))
        errors += [
            _relative(np.array(found.z_next) - z, np.array(expected.z_next) - z),
            _relative(np.array(found.mask), np.array(expected.mask)),
            _relative(np.array([found.log_posterior]), np.array([expected.log_posterior])),
        ]
    graph.inputs["noise"][...] = (
        0  # all bindings of a graph share their inputs, and a chain at temperature 0 never writes it
    )
    return max(errors)


def check_golden(engine: Engine, manifest: Manifest, name: str, half: bool = False) -> None:
    """Refuses an engine that does not repeat the bundle's golden steps.

    Args:
        engine: with the bundle loaded.
        manifest: of the bundle; without golden steps there is nothing to check.
        name: of the engine, for the message.
        half: whether the graph has float16 convolutions.

    Raises:
        EngineError: a result is off by more than the tolerance, or the engine failed.
    """
    if manifest.golden is None:
        return
    error, limit = golden_error(engine, manifest), HALF_TOLERANCE if half else manifest.golden.tolerance
    if not error <= limit:
        raise EngineError(
            f"the engine {name} does not compute what the model {manifest.name!r} does: a known step is off by {error:.1e} where "
            f"{limit:.0e} is allowed; use --engine onnxruntime"
        )


def _run(graph: BoundGraph, manifest: Manifest, seed: int) -> GoldenStep:
    for name, value in golden_inputs(manifest, seed).items():
        np.copyto(graph.inputs[name], value)
    graph.run()
    z_next, mask, log_posterior = (graph.outputs[name] for name in OUTPUTS)
    return GoldenStep(seed, _spread(z_next), _spread(mask), float(log_posterior.reshape(-1)[0]))


def _spread(values: Array) -> tuple[float, ...]:
    """At most ``MOST_VALUES`` values, the first and the last among them."""
    flat, count = values.reshape(-1), min(values.size, MOST_VALUES)
    return tuple(float(flat[index * (flat.size - 1) // max(count - 1, 1)]) for index in range(count))


def _relative(found: np.ndarray, expected: np.ndarray) -> float:
    error = float(np.linalg.norm(found - expected)) if found.shape == expected.shape else np.inf
    return error / max(float(np.linalg.norm(expected)), 1e-9) if np.isfinite(error) else np.inf
