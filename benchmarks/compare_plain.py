"""``drc compare`` with PyTorch's own layers beside the rewritten ones, their FLOPs, and the share of the machine's peak.

    python benchmarks/compare_plain.py edge-64 --seed 1 > compare-edge-64.json

The peak is the rate of the faster library's product of two 1024 x 1024 matrices, measured in the same rounds.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.flops import eager_flops, graph_flops  # noqa: E402
from benchmarks.plain import plain_layers  # noqa: E402
from drc_export.compare import Additions, compare  # noqa: E402
from drc_export.contenders import Step, Subject  # noqa: E402
from drc_runtime.engines.protocol import Array  # noqa: E402
from drc_runtime.errors import DRCError  # noqa: E402

MATRIX_SIZE = 1024


def compare_plain(
    model: str, *, overrides: Sequence[str] = (), rounds: int = 50, threads: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """What ``compare`` measures, and FLOPs and rates beside it.

    Args: as of ``drc_export.compare.compare``.

    Returns:
        The fields of ``Comparison`` with ``speedup`` over the plain layers, and ``flops`` of the exported graph,
        ``plain_flops`` of the step with plain layers, ``matrix_gflops`` (1e9 operations per second), and ``roofline``, the
        exported graph's time at that rate over its time in onnxruntime.
    """
    flops: dict[str, float] = {}

    def additions(subject: Subject) -> Additions:
        plain = plain_step(subject)
        flops["flops"] = graph_flops(onnx.load_from_string(subject.exported))
        flops["plain_flops"] = eager_flops(plain)
        return Additions({"PyTorch eager, plain layers": lambda: plain}, matrix_products(subject.threads))

    found = compare(model, overrides=overrides, rounds=rounds, threads=threads, seed=seed, additions=additions)
    rate = 2 * MATRIX_SIZE**3 / min(it.p50 for it in found.workloads.values()) / 1e6
    latency = next(it.latency.p50 for it in found.contenders if it.name == "onnxruntime" and it.latency)
    return asdict(found) | flops | {"matrix_gflops": rate, "roofline": flops["flops"] / rate / 1e6 / latency}


def plain_step(subject: Subject) -> Step:
    """The step in eager PyTorch with PyTorch's own layers."""

    def step() -> Array:
        with plain_layers():
            return subject.eager()

    return step


def matrix_products(threads: int) -> dict[str, Callable[[], object]]:
    """One large float32 matrix product in each of the two libraries."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a run of drc train, or a preset with random weights")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        print(json.dumps(compare_plain(**vars(arguments)), indent=2))
    except DRCError as error:
        sys.exit(f"compare_plain.py: {error}")


if __name__ == "__main__":
    main()
