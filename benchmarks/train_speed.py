"""One EM iteration of this trainer against the same mathematics in eager PyTorch, in turns, on this machine.

    python benchmarks/train_speed.py                  # edge-64, batch 32
    python benchmarks/train_speed.py --images 100000  # also the cost of the cache with this many images

"Eager" is the paper's algorithm as PyTorch's own layers write it: upsampling, then a convolution, instance normalisation, grid
sampling, autograd for each Langevin step, the classifiers left out of the E-step as here. "Eager, same layers" runs the
project's layers without the compiler. Medians; the result goes to benchmarks/results/train-speed.json.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.plain import plain_layers  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_train.config import Config, load_config  # noqa: E402
from drc_train.learner.em import Learner  # noqa: E402
from drc_train.learner.m_step import COMPILED_FROM  # noqa: E402
from drc_train.model.objective import m_step_loss  # noqa: E402
from drc_train.sampling.langevin import posterior_step, prior_step  # noqa: E402


def eager_iteration(learner: Learner) -> None:
    """The learner's iteration with autograd in each step and nothing traced."""
    train = learner.config.train
    index = learner.chains.next_batch(learner.batch, train.redraw, train.follow, learner.random)
    image, (z, prior) = learner.images(index), learner.chains.take(index)
    for _ in range(train.posterior_steps):
        z, _, _ = posterior_step(learner.model, z, image, torch.randn_like(z), train)
    for _ in range(train.prior_steps):
        prior, _ = prior_step(learner.model, prior, torch.randn_like(prior), train)
    learner.chains.put(index, z, prior)
    learner._move_energies(z, prior)
    learner.generator_optimiser.zero_grad(set_to_none=True)
    loss, parts = m_step_loss(learner.model, z, image, train, train.m_step_sigma_at(learner.iteration))
    loss.backward()
    learner.generator_optimiser.step()
    for part in parts.values():
        float(part)


def in_turns(functions: dict[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Milliseconds of each call; every round calls each function once, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            begun = time.perf_counter()
            function()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                times[name].append(1000 * (time.perf_counter() - begun))
    return times


def measure_iterations(config: Config, images: torch.Tensor, rounds: int, device: torch.device) -> dict[str, object]:
    """Medians of the three iterations, their ratios, and what setting up took."""
    begun = time.perf_counter()
    ours = Learner(config, images, device)
    ours.wait_until_compiled()
    ours.iteration = COMPILED_FROM  # on a GPU the M-step is compiled then
    ours.step()
    set_up = time.perf_counter() - begun
    same = Learner(config, images, device, compiled=False)
    standard = Learner(config, images, device, compiled=False)

    def with_plain_layers() -> None:
        with plain_layers():
            eager_iteration(standard)

    functions = {"eager": with_plain_layers, "eager_same_layers": lambda: eager_iteration(same), "drc": ours.step}
    times = in_turns(functions, rounds, device)
    medians = {name: round(statistics.median(values), 1) for name, values in times.items()}
    return {
        "milliseconds": medians,
        "all_milliseconds": {name: [round(value, 1) for value in values] for name, values in times.items()},
        "speed_up": round(medians["eager"] / medians["drc"], 2),
        "speed_up_over_same_layers": round(medians["eager_same_layers"] / medians["drc"], 2),
        "set_up_seconds": round(set_up, 1),
        "precision": ours.sampler.precision,
        "notes": ours.notes,
    }


def resident_megabytes(kind: str) -> float:
    """``RssAnon``: memory that only this process can give back; ``RssFile``: pages of files, which the system can take."""
    line = next(it for it in Path("/proc/self/status").read_text().splitlines() if it.startswith(kind))
    return int(line.split()[1]) / 1000


def measure_cache(config: Config, count: int, iteration_ms: float) -> dict[str, object]:
    """Writes ``count`` images as a cache's file is written, and takes what reading all of them in batches costs."""
    from drc_train.learner.chains import Chains
    from drc_train.learner.distributed import ProcessGroup
    from drc_train.learner.em import to_network
    from drc_train.learner.prefetch import Prefetcher

    size, batch, cpu = config.model.image_size, config.train.batch_size, torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.u8"
        random = np.random.default_rng(0)
        with path.open("wb") as file:
            for _ in range(0, count, 1000):
                file.write(random.integers(0, 256, (min(1000, count), 3, size, size), np.uint8).tobytes())
        pixels = np.memmap(path, np.uint8, "c", shape=(count // 1000 * 1000, 3, size, size))
        feed, draw = Prefetcher(torch.from_numpy(pixels), cpu), torch.Generator().manual_seed(0)
        chains = Chains(len(feed), config.model.latent.total, draw, ProcessGroup(cpu))
        memory, loading = [resident_megabytes("RssAnon")], []
        for turn in range(len(feed) // batch):
            index = chains.next_batch(batch, 0.0, 0.0, draw)
            begun = time.perf_counter()
            to_network(feed.take(index), cpu)
            loading.append(1000 * (time.perf_counter() - begun))
            if turn % 500 == 0:
                memory.append(resident_megabytes("RssAnon"))
    median = statistics.median(loading)
    return {
        "images": len(feed),
        "milliseconds_a_batch": {"median": round(median, 3), "p99": round(float(np.percentile(loading, 99)), 3)},
        "share_of_an_iteration": round(median / iteration_ms, 5),
        "anonymous_megabytes": [round(value, 1) for value in memory],
        "growth_megabytes": round(memory[-1] - memory[1], 1),
        "file_megabytes": round(resident_megabytes("RssFile"), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="edge-64")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=0, help="also measure the cache with this many, at least 1000")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "train-speed.json")
    arguments = parser.parse_args()
    config = load_config(arguments.preset, arguments.overrides)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size = config.model.image_size
    images = torch.randint(0, 256, (4 * config.train.batch_size, 3, size, size), dtype=torch.uint8)
    result: dict[str, object] = {
        "machine": torch.cuda.get_device_name(device) if device.type == "cuda" else machine_name(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "load_average": [round(value, 1) for value in os.getloadavg()],
        "preset": arguments.preset,
        "overrides": arguments.overrides,
        "batch": config.train.batch_size,
    }
    iterations = measure_iterations(config, images, arguments.rounds, device)
    result |= iterations
    if arguments.images >= 1000:
        result["cache"] = measure_cache(config, arguments.images, iterations["milliseconds"]["drc"])  # type: ignore[index]
    result["peak_megabytes"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "all_milliseconds"}, indent=1))


if __name__ == "__main__":
    main()
