"""``drc bench MODEL --compare``: one posterior step by everything on this machine that can compute it, measured in turns."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from benchmarks.explain import flops
from drc_export.contenders import Step, contenders, plain_flops
from drc_export.graphs import graphs
from drc_export.onnx import to_onnx
from drc_runtime import __version__
from drc_runtime.bench import Latency
from drc_runtime.engines.protocol import Array
from drc_runtime.errors import UsageError
from drc_runtime.machine import available_cores, machine_name
from drc_train.config import Config, load_config, preset_names
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import load_model

MATRIX_SIZE = 1024
WARM_UP = 3


@dataclass(frozen=True)
class Contender:
    """One way to compute the step.

    Attributes:
        latency: milliseconds a step; None where it cannot run here.
        difference: how far z moves from where plain autograd moves it, in the L2 norm, relative to the move.
        memory: mebibytes by which the process grew while it was made and run for the first time; shared libraries count for
            the one that loads them.
        problem: why it cannot run here, in one line.
    """

    name: str
    latency: Latency | None
    difference: float | None = None
    memory: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Comparison:
    """What ``compare`` measured.

    Attributes:
        machine: processor, cores and system.
        load: what else wanted the processor: the system's load average of one minute, before and after.
        versions: of drc, PyTorch and the backends.
        model: the run or preset.
        weights: ``trained`` or ``random``.
        image_size: height and width in pixels.
        threads: that each contender could use.
        rounds: how many measurements the percentiles are of.
        flops: of the exported graph's convolutions and matrix products.
        plain_flops: of the same step with the layers as PyTorch's own operators.
        matrix_gflops: floating-point operations a second, in 1e9, of the faster library's product of two 1024 x 1024 matrices.
        roofline: the exported graph's time at that speed over its time in onnxruntime.
        speedup: the time of plain autograd over onnxruntime's.
        contenders: each measured in every round, one after the other.
    """

    machine: str
    load: tuple[float, float]
    versions: dict[str, str]
    model: str
    weights: str
    image_size: int
    threads: int
    rounds: int
    flops: float
    plain_flops: float
    matrix_gflops: float
    roofline: float
    speedup: float
    contenders: list[Contender]


def compare(
    model: str, *, overrides: Sequence[str] = (), rounds: int = 50, threads: int | None = None, seed: int = 1
) -> Comparison:
    """Measures one posterior step, batch 1, by PyTorch in three ways, onnxruntime, TorchScript, and OpenVINO if installed.

    Args:
        model: a preset, which is measured with random weights, or the ``--out`` folder of ``drc train``.
        overrides: ``section.key=value``, for a preset.
        rounds: how many times each contender is measured, at least 1; all run once in every round, so that whatever else the
            machine does falls on all of them.
        threads: of each contender; None takes all that this process may use.
        seed: of the inputs, and of random weights.

    Raises:
        UsageError: neither a run nor a preset, overrides of a run, or fewer than one round.
        ConfigError: an override that the configuration does not allow.
        TrainingError: the run has no usable checkpoint.
    """
    if rounds < 1:
        raise UsageError(f"{rounds} rounds cannot be measured; use 1 or more")
    networks, config, trained = _networks(model, overrides, seed)
    threads, load = threads or available_cores(), os.getloadavg()[0]
    torch.set_num_threads(threads)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(seed))
    exported = to_onnx(step, networks)
    makers = contenders(step, networks, config, inputs, exported, threads)
    steps, made = _make(makers, inputs[0].numpy())
    times = _measure(steps | _matrix_products(threads), rounds)
    latencies = {name: _latency(times[name]) for name in steps}
    fastest = min(np.median(times[name]) for name in times if name not in steps)
    work, matrix_flops = flops(onnx.load_from_string(exported)), 2 * MATRIX_SIZE**3
    return Comparison(
        machine=machine_name(),
        load=(load, os.getloadavg()[0]),
        versions=_versions(),
        model=" ".join([model, *overrides]),
        weights="trained" if trained else "random",
        image_size=config.model.image_size,
        threads=threads,
        rounds=rounds,
        flops=work,
        plain_flops=plain_flops(step, networks, inputs),
        matrix_gflops=float(matrix_flops / fastest / 1e9),
        roofline=float(work / matrix_flops * fastest * 1000 / latencies["onnxruntime"].p50),
        speedup=latencies["PyTorch autograd"].p50 / latencies["onnxruntime"].p50,
        contenders=[replace(it, latency=latencies.get(it.name)) for it in made],
    )


def _networks(model: str, overrides: Sequence[str], seed: int) -> tuple[RegionModel, Config, bool]:
    trained = model not in preset_names()
    if not trained:
        config = load_config(model, tuple(overrides))
        networks = RegionModel(config.model, torch.Generator().manual_seed(seed))
    elif overrides:
        raise UsageError("--set changes a preset; what a run was trained with stays")
    elif Path(model).exists():
        networks, config, _ = load_model(Path(model))
    else:
        raise UsageError(f"{model} is neither a run of drc train nor a preset ({', '.join(preset_names())})")
    return networks.eval().requires_grad_(False), config, trained


def _make(makers: dict[str, Callable[[], Step]], start: Array) -> tuple[dict[str, Step], list[Contender]]:
    """Makes each contender, runs it for the first time, and compares its step with the first one's."""
    steps: dict[str, Step] = {}
    made: list[Contender] = []
    expected: Array | None = None
    for name, make in makers.items():
        before = _resident_mebibytes()
        try:
            step = make()
            moved = step() - start
        except Exception as error:  # noqa: BLE001 - a contender that is absent or fails is part of the answer
            made.append(Contender(name, None, problem=(str(error).strip().splitlines() or [type(error).__name__])[0]))
            continue
        expected = moved if expected is None else expected
        difference = float(np.linalg.norm(moved - expected) / np.linalg.norm(expected))
        made.append(Contender(name, None, difference, _resident_mebibytes() - before))
        steps[name] = step
    return steps, made


def _measure(steps: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, in turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + WARM_UP):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - started)
    return {name: taken[WARM_UP:] for name, taken in times.items()}


def _latency(seconds: list[float]) -> Latency:
    return Latency(*(float(it) for it in np.percentile(seconds, [50, 95, 99]) * 1000))


def _matrix_products(threads: int) -> dict[str, Callable[[], Any]]:
    """One large product in each of the two libraries: how fast this machine multiplies at best."""
    matrix = np.random.default_rng(0).standard_normal((MATRIX_SIZE, MATRIX_SIZE)).astype(np.float32)
    node = onnx.helper.make_node("MatMul", ["a", "b"], ["c"])
    a, b, c = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, matrix.shape) for n in "abc")
    graph = onnx.helper.make_graph([node], "product", [a, b], [c])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    tensor = torch.from_numpy(matrix)
    return {
        "matrix product, onnxruntime": lambda: session.run(None, {"a": matrix, "b": matrix}),
        "matrix product, PyTorch": lambda: tensor @ tensor,
    }


def _resident_mebibytes() -> float:
    """What of this process is in memory now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _versions() -> dict[str, str]:
    found = {"drc": __version__, "torch": torch.__version__, "onnxruntime": onnxruntime.__version__}
    try:
        found["openvino"] = str(import_module("openvino").__version__)
    except ImportError:
        pass
    return found
