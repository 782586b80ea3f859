"""Speed and precision of training on this GPU, in one command of under nine minutes, as one JSON object.

    python benchmarks/gpu.py                                   # the birds preset: batch 48, K0 60, K1 40
    python benchmarks/gpu.py --train --run runs/gpu            # tm-dsprites at 128x128 for 8 minutes; again: continues
    python benchmarks/gpu.py --preset edge-32 --rounds 1       # small, for a CPU

Measures an iteration and its peak memory, in eager PyTorch and in this project, in turns; the latency of a posterior step
at several batches as CUDA graphs in float32, TF32 and float16; the gradient's cosine at each precision; the share of the
matrix-product rate that is reached; a posterior step of the sample's bundle on each provider for a GPU beside the processor's;
a short curve with each protocol of docs/paper.md. ``left_out``, and the last line that is printed, name what could not be tried
here and the parts for which the time did not suffice. It needs torch, numpy, OpenCV, pydantic, PyYAML, onnx and
onnxruntime; ``--train`` also safetensors.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

try:
    import numpy as np
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.golden_step import golden_steps
    from benchmarks.plain import plain_layers
    from benchmarks.train_speed import eager_iteration, in_turns
    from drc_runtime.atomic import atomic_write
    from drc_runtime.machine import machine_name
    from drc_train.config import Config, load_config
    from drc_train.learner.em import Learner
    from drc_train.learner.m_step import COMPILED_FROM
    from drc_train.model.objective import responsibility
    from drc_train.protocols import PAPER_PRESETS, protocol_overrides
    from drc_train.sampling.decompositions import training_decompositions
    from drc_train.sampling.langevin import posterior_step
    from drc_train.sampling.precision import at_precision, gradient_cosines, tensor_float32
    from drc_train.sampling.sampler import CapturedChain
    from drc_train.sampling.tracing import parameters_of, trace_step
except ModuleNotFoundError as error:
    sys.exit(f"gpu.py needs the package {error.name}: pip install {error.name}")

PRECISIONS = ("float32", "tf32", "float16", "bfloat16")
BATCHES = (1, 2, 4, 8, 16, 32, 64)
TRAIN_MINUTES = 8.0
SAVED_EVERY = 60.0
SHOWN = 96


class Stopwatch:
    """Says whether there is time for another part."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.left_out: list[str] = []

    def allows(self, part: str, seconds: float) -> bool:
        fits = time.monotonic() + seconds < self._end
        if not fits:
            self.left_out.append(part)
        return fits


def peak_megabytes(function: Callable[[], object], device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    function()
    torch.cuda.synchronize(device)
    return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)


def batch_of(config: Config, count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents, images and noise, the same at each call."""
    random = torch.Generator().manual_seed(0)
    size, dimensions = config.model.image_size, config.model.latent.total
    z, noise = (torch.randn(count, dimensions, generator=random) for _ in range(2))
    image = torch.rand(count, 3, size, size, generator=random) * 2 - 1
    return z.to(device), image.to(device), noise.to(device)


def traced(learner: Learner, inputs: tuple[torch.Tensor, ...]) -> torch.fx.GraphModule:
    def step(model, *tensors):
        return posterior_step(model, *tensors, learner.config.train)[:2]

    return trace_step(step, learner.model, inputs, training_decompositions())


def measure_iteration(learner: Learner, images: torch.Tensor, rounds: int) -> dict[str, object]:
    """The whole iteration: the paper's algorithm in PyTorch's own layers, and this trainer."""
    eager = Learner(learner.config, images, learner.device, compiled=False)

    def plain() -> None:
        with plain_layers():
            eager_iteration(eager)

    functions = {"eager": plain, "drc": learner.step}
    times = in_turns(functions, rounds, learner.device)
    medians = {name: round(float(np.median(values)), 1) for name, values in times.items()}
    memory = {name: peak_megabytes(function, learner.device) for name, function in functions.items()}
    return {
        "milliseconds": medians,
        "speed_up": round(medians["eager"] / medians["drc"], 2),
        "peak_megabytes": memory,
        "precision": learner.sampler.precision,
        "notes": learner.notes,
    }


def measure_latency(learner: Learner, batch: int, precision: str, steps: int) -> float:
    """Milliseconds of one posterior step within a chain; a CUDA graph where there is a GPU."""
    z, image, noise = batch_of(learner.config, batch, learner.device)
    graph, parameters = at_precision(traced(learner, (z, image, noise)), precision), parameters_of(learner.model)
    with torch.no_grad(), tensor_float32(precision == "tf32"):
        if learner.device.type == "cuda":
            chain = CapturedChain(graph, (parameters, z, image, noise), steps)
            times = in_turns({"chain": lambda: chain(z, (image,), [noise] * steps)}, 5, learner.device)
        else:
            times = in_turns(
                {"chain": lambda: [graph(parameters, z, image, noise) for _ in range(steps)]}, 1, learner.device
            )
    return round(float(np.median(times["chain"])) / steps, 3)


def matrix_rate(precision: str, device: torch.device) -> float:
    """Operations a second of a large square matrix product."""
    size = 8192 if device.type == "cuda" else 256
    half = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(precision, torch.float32)
    a = torch.randn(size, size, device=device).to(half)
    with tensor_float32(precision == "tf32"):
        times = in_turns({"product": lambda: [a @ a for _ in range(10)]}, 5, device)
    return 10 * 2 * size**3 / (min(times["product"]) / 1000)


def chain_operations(learner: Learner) -> float:
    """Multiplications and additions of the convolutions and matrix products in one posterior step of the learner's batch."""
    z, image, noise = batch_of(learner.config, learner.batch, learner.device)
    graph = traced(learner, (z, image, noise))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        graph(parameters_of(learner.model), z, image, noise)
    return float(counter.get_total_flops())


def measure_share(learner: Learner) -> dict[str, float]:
    """What part of the matrix-product rate a posterior step of this trainer reaches."""
    z, image, noise = batch_of(learner.config, learner.batch, learner.device)
    steps = learner.config.train.posterior_steps
    chain = {"chain": lambda: learner.sampler.posterior(z, image, [noise] * steps)}
    milliseconds = float(np.median(in_turns(chain, 3, learner.device)["chain"])) / steps
    reached = chain_operations(learner) / (milliseconds / 1000)
    rate = matrix_rate(learner.sampler.precision, learner.device)
    return {
        "step_milliseconds": round(milliseconds, 3),
        "tera_operations": round(reached / 1e12, 3),
        "share": reached / rate,
    }


def benchmark(
    arguments: argparse.Namespace, device: torch.device, result: dict[str, object], save: Callable[[], None]
) -> None:
    config = load_config(arguments.preset, arguments.overrides)
    watch = Stopwatch(arguments.seconds)
    result |= {"preset": arguments.preset, "batch": config.train.batch_size, "left_out": watch.left_out}
    result |= {"prior_steps": config.train.prior_steps, "posterior_steps": config.train.posterior_steps}
    size = config.model.image_size
    images = torch.randint(0, 256, (2 * config.train.batch_size, 3, size, size), dtype=torch.uint8)
    begun = time.monotonic()
    learner = Learner(config, images, device)
    learner.wait_until_compiled()  # not on a GPU, where the learner compiles while it is made
    learner.iteration = COMPILED_FROM
    learner.step()
    result["set_up_seconds"] = round(time.monotonic() - begun, 1)
    result["iteration"] = measure_iteration(learner, images, arguments.rounds)
    save()
    if watch.allows("matrix_products", 10):
        result["matrix_products"] = measure_share(learner)
    z, image, noise = batch_of(config, min(learner.batch, 16), device)
    if watch.allows("gradient_cosines", 20):
        cosines = gradient_cosines(
            traced(learner, (z, image, noise)), parameters_of(learner.model), z, image, PRECISIONS
        )
        result["gradient_cosines"] = {name: round(value, 7) for name, value in cosines.items()}
    save()
    latencies: dict[str, dict[str, float]] = {}
    result["posterior_step_milliseconds"] = latencies
    slowest = 15.0
    for batch in BATCHES[: arguments.batches]:
        for precision in ("float32", "tf32", "float16"):
            if watch.allows(f"latency at batch {batch}, {precision}", 2 * slowest):
                begun = time.monotonic()
                latencies.setdefault(str(batch), {})[precision] = measure_latency(learner, batch, precision, 4)
                slowest = max(slowest, time.monotonic() - begun)
        save()
    if watch.allows("golden steps", 90):
        result["golden_steps"] = golden_steps(watch.left_out)
        save()
    result["curve"] = short_curve(learner, watch, "the rest of the curve")
    save()
    if arguments.preset not in PAPER_PRESETS:
        watch.left_out.append(f"the curve of the released protocol, which {arguments.preset} does not have")
    elif watch.allows("the curve of the released protocol", 2 * float(str(result["set_up_seconds"])) + 10):
        overrides = (*protocol_overrides("released", arguments.preset), *arguments.overrides)
        del learner
        released = Learner(load_config(arguments.preset, overrides), images, device)
        result["curve_released"] = short_curve(released, watch, "the rest of the curve of the released protocol")
        released.close()


def short_curve(learner: Learner, watch: Stopwatch, name: str) -> list[dict[str, float]]:
    """The figures of each iteration for half a minute on a GPU, for a second on a processor."""
    curve: list[dict[str, float]] = []
    seconds = 30.0 if learner.device.type == "cuda" else 1.0
    begun = time.monotonic()
    while time.monotonic() - begun < seconds and watch.allows(name, 5):
        figures = learner.step()
        curve.append({"iteration": learner.iteration, "seconds": round(time.monotonic() - begun, 2)} | figures)
    return curve


def overlap(learner: Learner, truth: np.ndarray) -> float:
    """Mean IoU of the masks (responsibility over one half) of the first images' chains with the truth."""
    index = torch.arange(len(truth))
    z, _ = learner.chains.take(index)
    with torch.no_grad():
        found = responsibility(learner.model(z), learner.images(index), learner.model.config.region_likelihood())
    mask, real = found[:, 0].cpu().numpy() >= 0.5, truth >= 128
    return float(((mask & real).sum((1, 2)) / np.maximum((mask | real).sum((1, 2)), 1)).mean())


def learn(
    arguments: argparse.Namespace, device: torch.device, result: dict[str, object], save: Callable[[], None]
) -> None:
    """Learns tm-dsprites until the time is up; a run that is there is gone on with."""
    try:
        from drc_train.data.source import TRAINING_SEED
        from drc_train.data.synthetic.tm_dsprites import draw
        from drc_train.training.checkpoint import restore, save_checkpoint
        from drc_train.training.record import STATE_FILE, RunRecord
    except ModuleNotFoundError as error:
        sys.exit(f"--train needs the package {error.name}: pip install {error.name}")
    config = load_config(arguments.preset, arguments.overrides)
    drawn, masks = draw(arguments.images, config.model.image_size, TRAINING_SEED)
    images = torch.from_numpy(drawn.transpose(0, 3, 1, 2).copy())
    learner = Learner(config, images, device)
    run: Path = arguments.run
    run.mkdir(parents=True, exist_ok=True)
    about, curve, curve_file = (
        RunRecord(f"tm-dsprites:{len(images)}", arguments.preset, len(images)),
        [],
        run / "curve.json",
    )
    if (run / STATE_FILE).exists():
        about = restore(run, learner)
        curve = json.loads(curve_file.read_text()) if curve_file.exists() else []
    begun = saved = looked = time.monotonic()
    before = about.seconds
    while time.monotonic() - begun < arguments.minutes * 60:
        figures = learner.step()
        now = time.monotonic()
        about = replace(about, seconds=before + now - begun)
        if now - looked >= 10 or learner.iteration == 1:
            point = {"iteration": learner.iteration, "seconds": round(about.seconds, 1)}
            curve.append(point | {"iou": overlap(learner, masks[:SHOWN])} | figures)
            looked = now
        if now - saved >= SAVED_EVERY:
            save_checkpoint(run, learner, about)
            atomic_write(curve_file, json.dumps(curve).encode())
            saved = time.monotonic()
    last = {"iteration": learner.iteration, "seconds": round(about.seconds, 1)}
    curve.append(last | {"iou": overlap(learner, masks[:SHOWN])})
    save_checkpoint(run, learner, about)
    atomic_write(curve_file, json.dumps(curve).encode())
    result |= {"preset": arguments.preset, "images": len(images), "iterations": learner.iteration}
    result |= {
        "minutes": round(about.seconds / 60, 2),
        "precision": learner.sampler.precision,
        "curve": curve,
    }


def not_tried(result: dict[str, object]) -> list[str]:
    """What was left out, and on a processor the card itself."""
    found = result.get("left_out")
    left_out = [str(part) for part in found] if isinstance(found, list) else []
    return left_out if torch.cuda.is_available() else ["a GPU: none here", *left_out]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", help="default: birds, and tm-dsprites with --train")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--rounds", type=int, default=3, help="timed iterations of each kind")
    parser.add_argument("--batches", type=int, default=len(BATCHES), help="number of batch sizes, starting with 1")
    parser.add_argument("--seconds", type=float, default=500, help="parts that would end later are left out")
    parser.add_argument("--train", action="store_true", help="learn instead")
    parser.add_argument("--minutes", type=float, default=TRAIN_MINUTES, help="with --train")
    parser.add_argument("--images", type=int, default=5000, help="with --train")
    parser.add_argument("--run", type=Path, default=Path("runs/gpu"), help="with --train: its checkpoints")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/gpu.json or gpu-train.json")
    arguments = parser.parse_args()
    arguments.preset = arguments.preset or ("tm-dsprites" if arguments.train else "birds")
    out = arguments.out or ROOT / "benchmarks" / "results" / ("gpu-train.json" if arguments.train else "gpu.json")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    begun = time.monotonic()
    result: dict[str, object] = {
        "machine": torch.cuda.get_device_name(device) if device.type == "cuda" else machine_name(),
        "torch": torch.__version__,
        "load_average": [round(value, 1) for value in os.getloadavg()],
    }

    def save() -> None:
        result["seconds"] = round(time.monotonic() - begun, 1)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")

    (learn if arguments.train else benchmark)(arguments, device, result, save)
    save()
    print(json.dumps({name: value for name, value in result.items() if not name.startswith("curve")}, indent=1))
    if not arguments.train:
        print(f"not tried: {'; '.join(not_tried(result)) or 'nothing'}")


if __name__ == "__main__":
    main()
