"""float16 and 8-bit weights against float32 on a trained bundle: the gradient along chains, and masks from noise.

    python benchmarks/precision.py samples/sprites/bundle tm-dsprites:200
    python benchmarks/precision.py samples/scene/bundle scene:200

Chains are chaotic, so masks are compared by quality and not by trajectory: their IoU with the truth over all images, and
the overlap of two float32 chains from different noise. The result goes to benchmarks/results/precision-NAME.json.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_export.precision import HALF_OPERATORS, to_half  # noqa: E402
from drc_runtime.bundle.bundle import Bundle  # noqa: E402
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine  # noqa: E402
from drc_runtime.inference.extractor import Extractor  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.preprocess import to_tensor  # noqa: E402
from drc_train.data.evaluation import load_evaluation  # noqa: E402
from drc_train.evaluation.metrics import Score, iou  # noqa: E402

GRAPH = "posterior_step"
LOOKED_AT = (0, 20, 100, 200, 299)
CHAINS = 25


def with_int8_weights(graph: bytes) -> bytes:
    """Every kernel rounded to 8 bits with one scale for each output channel, and back to float32: what integers would hold."""
    model = onnx.load_from_string(graph)
    kernels = {node.input[1]: node.op_type for node in model.graph.node if node.op_type in HALF_OPERATORS}
    for tensor in model.graph.initializer:
        if tensor.name in kernels:
            weight = numpy_helper.to_array(tensor)
            others = tuple(axis for axis in range(4) if axis != (kernels[tensor.name] == "ConvTranspose"))
            scale = np.abs(weight).max(others, keepdims=True) / 127 + 1e-30
            tensor.CopyFrom(numpy_helper.from_array(np.round(weight / scale) * scale, tensor.name))
    return model.SerializeToString()


def engine(bundle: Bundle, graph: bytes, threads: int) -> OnnxRuntimeEngine:
    manifest = replace(bundle.manifest, graphs={GRAPH: bundle.manifest.graphs[GRAPH]})
    return OnnxRuntimeEngine(Bundle(bundle.folder, manifest, {GRAPH: graph}), threads)


def cosines(engines: dict[str, OnnxRuntimeEngine], images: list[np.ndarray], steps: int) -> dict[str, list[float]]:
    """Cosine of each engine's step with float32's, where float32's chains stand at ``LOOKED_AT``."""
    bound = {name: it.bind(GRAPH, ("z_next",)) for name, it in engines.items()}
    exact, random = bound["fp32"], np.random.default_rng(0)
    found: dict[str, list[float]] = {name: [] for name in bound if name != "fp32"}
    for image in images:
        z = random.standard_normal(exact.inputs["z"].shape).astype(np.float32)
        for it in bound.values():
            it.inputs["image"][:] = image
        for step in range(steps):
            exact.inputs["z"][:] = z
            exact.run()
            expected = (exact.outputs["z_next"] - z).ravel()
            for name in found if step in LOOKED_AT else ():
                bound[name].inputs["z"][:] = z
                bound[name].run()
                moved = (bound[name].outputs["z_next"] - z).ravel()
                found[name].append(float(moved @ expected / (np.linalg.norm(moved) * np.linalg.norm(expected))))
            z = exact.outputs["z_next"].copy()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", help="as for drc eval")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    started, bundle = time.monotonic(), Bundle.load(options.bundle)
    exact = bundle.graph_bytes(GRAPH)
    graphs = {"fp32": exact, "fp16": to_half(exact), "int8 weights": with_int8_weights(exact)}
    engines = {name: engine(bundle, graph, options.threads) for name, graph in graphs.items()}
    images = list(load_evaluation(options.data))
    extractors = {name: Extractor.over(it, bundle.manifest, refine="none") for name, it in engines.items()}
    extractors["fp32, other noise"] = Extractor.over(engines["fp32"], bundle.manifest, seed=1, refine="none")
    tensors = [to_tensor(it.image, bundle.manifest.image_size) for it in images[:CHAINS]]
    alike = cosines(engines, tensors, options.steps)
    truth = {name: Score() for name in extractors}
    agreement: dict[str, list[float]] = {name: [] for name in extractors}
    for index, it in enumerate(images):
        masks = {name: extractor.extract(it.image, steps=options.steps).mask for name, extractor in extractors.items()}
        for name, mask in masks.items():
            truth[name].add(mask, it.mask)
            agreement[name].append(iou(mask, masks["fp32"]))
        print(f"\r{index + 1}/{len(images)}", end="", file=sys.stderr)
    result = {
        "machine": machine_name(),
        "bundle": bundle.manifest.name,
        "training": dict(bundle.manifest.training),
        "data": options.data,
        "images": len(images),
        "steps": options.steps,
        "seconds": round(time.monotonic() - started),
        "cosine": {
            name: {"smallest": min(values), "median": float(np.median(values)), "steps": len(values)}
            for name, values in alike.items()
        },
        "masks": {
            name: {
                "iou with the truth": round(score.summary()["iou"], 4),
                "f1 with the truth": round(score.summary()["f1"], 4),
                "iou with fp32's mask": round(float(np.mean(agreement[name])), 4),
            }
            for name, score in truth.items()
        },
    }
    out = ROOT / "benchmarks" / "results" / f"precision-{bundle.manifest.name}.json"
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
