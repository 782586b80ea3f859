"""Measures one posterior step by every backend that can compute it on this machine, in interleaved rounds."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from drc_export.contenders import Step, Subject, contenders
from drc_export.graphs import graphs
from drc_export.onnx import to_onnx, trace
from drc_runtime.activity import Report, silent
from drc_runtime.bench import Latency
from drc_runtime.engines.protocol import Array
from drc_runtime.errors import UsageError
from drc_runtime.machine import available_cores, machine_name, resident_bytes
from drc_runtime.version import __version__
from drc_train.config import Config, load_config, preset_names
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import load_model

WARM_UP = 3
"""Rounds that are run first and not counted."""


@dataclass(frozen=True)
class Contender:
    """One way to compute the step.

    Attributes:
        latency: milliseconds per step; None where it cannot run here.
        difference: L2 norm of its z_next minus that of the first contender, relative to the first contender's step.
        memory: mebibytes by which the process grew while it was built and run once; a shared library counts for the
            contender that loads it first.
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
        load: the system's load average over one minute, before and after.
        versions: of drc, PyTorch and the backends.
        model: the run or preset.
        weights: ``trained`` or ``random``.
        image_size: height and width in pixels.
        threads: available to each contender.
        rounds: how many measurements the percentiles are of.
        speedup: median latency of the first contender over that of onnxruntime.
        contenders: each measured in every round.
        workloads: latencies of ``Additions.workloads``, by name.
    """

    machine: str
    load: tuple[float, float]
    versions: dict[str, str]
    model: str
    weights: str
    image_size: int
    threads: int
    rounds: int
    speedup: float
    contenders: list[Contender]
    workloads: dict[str, Latency]


@dataclass(frozen=True)
class Additions:
    """What a benchmark measures beside the product's own contenders.

    Attributes:
        contenders: builders by name; they come first, so that the first of them is the reference of ``difference`` and
            ``speedup``.
        workloads: functions that are only timed, in the same rounds.
    """

    contenders: Mapping[str, Callable[[], Step]] = field(default_factory=dict)
    workloads: Mapping[str, Callable[[], object]] = field(default_factory=dict)


def compare(
    model: str,
    *,
    overrides: Sequence[str] = (),
    rounds: int = 50,
    threads: int | None = None,
    seed: int = 0,
    additions: Callable[[Subject], Additions] | None = None,
    progress: Report = silent,
) -> Comparison:
    """Measures one posterior step at batch size 1 by eager and compiled PyTorch, TorchScript, onnxruntime and OpenVINO.

    A contender that is not installed or fails is listed with its problem.

    Args:
        model: the ``--out`` folder of ``drc train``, or a preset, which is measured with random weights.
        overrides: ``section.key=value``, for a preset.
        rounds: measurements of each contender, at least 1. Every round runs all of them, so that other load on the machine
            affects all alike.
        threads: of each contender; None takes all cores that this process may use.
        seed: of the inputs, and of random weights.
        additions: given the step, returns what else to measure.
        progress: called before each contender is built and before each round.

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
    progress("exporting the step")
    traced = trace(step, networks)
    subject = Subject(step, networks, config, inputs, traced, to_onnx(step, traced), threads)
    more = additions(subject) if additions else Additions()
    steps, made = _make({**more.contenders, **contenders(subject)}, inputs[0].numpy(), progress)
    latencies = _measure({**steps, **more.workloads}, rounds, progress)
    return Comparison(
        machine=machine_name(),
        load=(load, os.getloadavg()[0]),
        versions=_versions(),
        model=" ".join([model, *overrides]),
        weights="trained" if trained else "random",
        image_size=config.model.image_size,
        threads=threads,
        rounds=rounds,
        speedup=latencies[next(iter(steps))].p50 / latencies["onnxruntime"].p50,
        contenders=[replace(it, latency=latencies.get(it.name)) for it in made],
        workloads={name: latencies[name] for name in more.workloads},
    )


def _networks(model: str, overrides: Sequence[str], seed: int) -> tuple[RegionModel, Config, bool]:
    trained = model not in preset_names()
    if not trained:
        config = load_config(model, tuple(overrides))
        networks = RegionModel(config.model, torch.Generator().manual_seed(seed))
    elif overrides:
        raise UsageError("--set changes a preset; a run keeps the configuration that it was trained with")
    elif Path(model).exists():
        networks, config, _ = load_model(Path(model))
    else:
        raise UsageError(f"{model} is neither a run of drc train nor a preset ({', '.join(preset_names())})")
    return networks.eval().requires_grad_(False), config, trained


def _make(
    makers: Mapping[str, Callable[[], Step]], start: Array, progress: Report = silent
) -> tuple[dict[str, Step], list[Contender]]:
    """Builds each contender, runs it once, and compares its step from ``start`` with that of the first one."""
    steps: dict[str, Step] = {}
    made: list[Contender] = []
    expected: Array | None = None
    for name, make in makers.items():
        progress(f"preparing {name}")
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


def _measure(functions: Mapping[str, Callable[[], object]], rounds: int, progress: Report) -> dict[str, Latency]:
    """Milliseconds of each function; every round calls each function once."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + WARM_UP):
        progress("measuring, round", number + 1, rounds + WARM_UP)
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - started)
    return {name: _latency(taken[WARM_UP:]) for name, taken in seconds.items()}


def _latency(seconds: list[float]) -> Latency:
    return Latency(*(float(it) for it in np.percentile(seconds, [50, 95, 99]) * 1000))


def _resident_mebibytes() -> float:
    """Resident memory of this process; 0 where the system does not report it."""
    return (resident_bytes() or 0) / 2**20


def _versions() -> dict[str, str]:
    found: dict[str, Any] = {"drc": __version__, "torch": torch.__version__, "onnxruntime": onnxruntime.__version__}
    try:
        found["openvino"] = import_module("openvino").__version__
    except ImportError:
        pass
    return {name: str(version) for name, version in found.items()}
