"""Writes the results of the Python runtime that the native tests compare with.

    python tests/native/golden.py FOLDER

It writes ``manifests.json`` and ``graphs.json`` (damaged inputs, and whether Python's checks accept them), and for each model a
folder with its bundle, its images and their masks.
"""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import toy_initial_latent, toy_manifest, toy_posterior_step  # noqa: E402 - after the path is set
from native.golden_camera import write_camera, write_camera_state  # noqa: E402
from native.golden_files import SEED, record, write_json  # noqa: E402
from native.golden_schedule import write_scheduled  # noqa: E402
from native.hostile_graphs import hostile_graphs  # noqa: E402
from native.odd_manifests import (  # noqa: E402
    fixed_camera_manifests,
    manifests,
    sampler_manifests,
    verdict_on_manifest,
)

from drc_runtime.bundle.bundle import Bundle, write_bundle  # noqa: E402
from drc_runtime.bundle.manifest import (  # noqa: E402
    GraphEntry,
    InitialChain,
    LatentSizes,
    Manifest,
    Sampler,
    Schedule,
)
from drc_runtime.bundle.onnx_check import check_model  # noqa: E402
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine  # noqa: E402
from drc_runtime.errors import BundleError  # noqa: E402
from drc_runtime.images import write_png  # noqa: E402
from drc_runtime.inference.extractor import Extractor  # noqa: E402
from drc_runtime.inference.golden import record_golden  # noqa: E402
from drc_runtime.samples import sample_bundle  # noqa: E402
from drc_runtime.sources.open import open_source  # noqa: E402

FRAME_SIZES = ((24, 40), (1, 1), (90, 61), (11, 200), (480, 640), (720, 1280))


def main(folder: Path) -> None:
    """Replaces ``folder``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    graph = toy_posterior_step()
    manifest = toy_manifest(graph)
    initialised = initialised_manifest(random_posterior_step()).to_json()
    texts = [*manifests(manifest.to_json()), *fixed_camera_manifests(), *manifests(initialised)]
    texts += sampler_manifests(initialised)
    write_json(folder / "manifests.json", [verdict_on_manifest(text) for text in texts])
    hostile = [{"graph": data.hex(), "refusal": refusal_of_graph(data)} for data in hostile_graphs(graph)]
    write_json(
        folder / "graphs.json",
        {"graph": graph.hex(), "changes": list(damaged_graphs(graph)), "hostile": hostile},
    )
    write_bundle(folder / "toy", manifest, {"posterior_step": graph})
    write_fuzz_seeds(folder, manifest.to_json())
    (folder / "fuzz-manifest" / "initialised").write_text(initialised)
    write_masks(folder / "toy", [noise_image(size) for size in FRAME_SIZES])
    graph = random_posterior_step()
    write_bundle(folder / "random", random_manifest(graph), {"posterior_step": graph})
    write_masks(folder / "random", [noise_image(size) for size in FRAME_SIZES], cut=light_then_dark())
    gaussian = random_manifest(graph)
    gaussian = replace(gaussian, name="gaussian", sampler=replace(gaussian.sampler, likelihood="gaussian"))
    write_bundle(folder / "gaussian", gaussian, {"posterior_step": graph})
    write_masks(folder / "gaussian", [noise_image(size) for size in FRAME_SIZES[:5]])
    write_bundle(folder / "schedule", replace(random_manifest(graph), name="schedule"), {"posterior_step": graph})
    write_scheduled(folder / "schedule", [noise_image(size) for size in FRAME_SIZES[:5]], start=3.0, end=0.2)
    write_initialised(folder / "initialised", graph)
    graph = random_posterior_step(several_slots=True)
    write_bundle(folder / "slots", random_manifest(graph, slots=3), {"posterior_step": graph})
    write_masks(folder / "slots", [noise_image(size) for size in FRAME_SIZES[:5]], cut=light_then_dark())
    graph = diverging_posterior_step()
    write_bundle(folder / "diverging", replace(toy_manifest(graph), name="diverging"), {"posterior_step": graph})
    graph = greedy_posterior_step()
    write_bundle(folder / "greedy", replace(random_manifest(graph), name="greedy"), {"posterior_step": graph})
    shutil.copytree(sample_bundle("fixed-camera"), folder / "camera")
    write_camera(folder / "camera")
    write_camera_state(folder / "camera-state")
    sample = ROOT / "samples" / "scene"
    if (sample / "bundle" / "manifest.json").is_file():
        shutil.copytree(sample / "bundle", folder / "scene")
        with open_source(str(sample / "clip.mp4")) as source:
            images = [frame.image for frame in islice(source, 30)]
        write_masks(folder / "scene", images[:12], cut=images[:10] + [image[:, ::-1] // 2 for image in images[10:]])


def initialised_manifest(step: bytes) -> Manifest:
    """The random bundle's with an initialiser, schedules and golden steps."""
    plain = random_manifest(step)
    batch, _, height, width = plain.graphs["posterior_step"].inputs["image"]
    initial = toy_initial_latent(batch, (height, width), plain.latent.total)
    shapes = {"image": (batch, 3, height, width)}, {"z": (batch, plain.latent.total)}
    entry = GraphEntry.of("initial_latent.onnx", initial, *shapes)
    sampler = replace(plain.sampler, schedule=Schedule(2, 0.5), initial=InitialChain(3, Schedule(1.5, 0.25)))
    graphs = plain.graphs | {"initial_latent": entry}
    manifest = replace(plain, name="initialised", sampler=sampler, graphs=graphs)
    engine = OnnxRuntimeEngine(Bundle(Path("initialised"), manifest, {"posterior_step": step}), 1)
    return replace(manifest, golden=record_golden(engine, manifest))


def write_initialised(folder: Path, step: bytes) -> None:
    """The bundle of ``initialised_manifest``, its masks, and those of tracks whose scene changes."""
    manifest = initialised_manifest(step)
    batch, _, height, width = manifest.graphs["initial_latent"].inputs["image"]
    initial = toy_initial_latent(batch, (height, width), manifest.latent.total)
    write_bundle(folder, manifest, {"posterior_step": step, "initial_latent": initial})
    write_masks(folder, [noise_image(size) for size in FRAME_SIZES[:5]], cut=light_then_dark())


def write_fuzz_seeds(folder: Path, text: str) -> None:
    """Seeds of the fuzz targets: manifests, and lists of damages as fuzz_bundle.cpp reads them."""
    for name in ("fuzz-manifest", "fuzz-bundle"):
        (folder / name).mkdir()
    for index, seed in enumerate(islice(manifests(text), 0, None, 40)):
        if len(seed) < 10_000:
            (folder / "fuzz-manifest" / f"{index:03}").write_bytes(seed.encode("utf-8", "surrogatepass"))
    flip, cut, lose, true_hash, graph = 0, 2, 5, 7, 0x80
    for index, damages in enumerate(
        (
            [],
            [(flip, 100, 0, 0, 3)],
            [(cut, 200, 1, 0, 0)],
            [(lose, 0, 0, 0, 0)],
            [(graph | lose, 0, 0, 0, 0)],
            [(graph | flip, 50, 0, 0, 1)],
            [(graph | flip, 50, 0, 0, 1), (true_hash, 0, 0, 0, 0)],
            [(graph | cut, 90, 1, 0, 0), (true_hash, 0, 0, 0, 0)],
        )
    ):
        (folder / "fuzz-bundle" / str(index)).write_bytes(b"".join(map(bytes, damages)))


def write_masks(bundle: Path, images: list[np.ndarray], cut: list[np.ndarray] | None = None) -> None:
    """Writes cold masks of both kinds for each image, and those of a track over all images, beside the bundle's own files.

    ``cut``: the frames of a clip with a scene change, for tracks without and with a budget.
    """
    cut = cut or []
    names = [f"image-{index}.png" for index in range(len(images) + len(cut))]
    for name, image in zip(names, [*images, *cut], strict=True):
        write_png(bundle / name, image)
    runs = []
    for kind in ("responsibility", "mixture"):
        extractor = Extractor(bundle, threads=1, mask=kind, seed=SEED, refine="none")  # libdrc does not cut
        track = extractor.track(steps=3)
        # one extractor for both, because its noise continues from one to the other
        cold = record(bundle, f"{kind}-extract", extractor.extract, images, names)
        tracked = record(bundle, f"{kind}-track", track.step, images, names)
        runs.append({"kind": kind, "steps": 3, "budget": None, "extract": cold, "track": tracked, "restarts": 0})
    for budget in (None, 9) if cut else ():
        track = Extractor(bundle, threads=1, seed=SEED).track(steps=3, budget=budget)
        tracked = record(bundle, f"cut-{budget}", track.step, cut, names[len(images) :])
        assert track.restarts > 0, f"{bundle.name}: the cut is too small to be noticed"
        run = {"kind": "responsibility", "steps": 3, "budget": budget, "extract": [], "track": tracked}
        runs.append({**run, "restarts": track.restarts})
    write_json(bundle / "golden.json", {"seed": SEED, "runs": runs})


def light_then_dark() -> list[np.ndarray]:
    """A clip for the random bundle, whose log-posterior follows the images' brightness."""
    return [cv2.convertScaleAbs(noise_image((60, 80)), alpha=1.0, beta=beta) for beta in [200] * 70 + [-120] * 12]


def noise_image(size: tuple[int, int]) -> np.ndarray:
    """Blobs of every scale, so that errors in resizing are visible in either direction."""
    random = np.random.default_rng(size)
    coarse = cv2.resize(random.integers(0, 256, (4, 5, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
    return cv2.addWeighted(coarse, 0.75, random.integers(0, 256, (*size, 3), np.uint8), 0.25, 0)


def random_posterior_step(several_slots: bool = False) -> bytes:
    """Maps that are linear in z with random weights, batch 2; z moves towards the image's mean.

    With several slots the responsibility has weights of its own, so that it cannot be computed from the other maps.
    """
    (batch, latent), (height, width) = (2, 6), (24, 40)
    random = np.random.default_rng(3)
    vector, image, plane = [batch, latent], [batch, 3, height, width], [batch, 1, height, width]

    def tensor(name: str, shape: list[int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    constants = {"keep": np.float32(0.95), "drift": np.float32(0.05)}
    shapes: dict[str, list[int]] = {"mask": plane, "foreground": image, "background": image}
    if several_slots:
        shapes["responsibility"] = plane
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Mul", ["z", "keep"], ["kept"]),
        helper.make_node("Mul", ["column", "drift"], ["pull"]),
        helper.make_node("Add", ["kept", "pull"], ["moved"]),
        helper.make_node("Add", ["moved", "noise"], ["z_next"]),
        helper.make_node("ReduceSum", ["z", "last"], ["log_posterior"], keepdims=0),
    ]
    for name, shape in shapes.items():
        constants[f"{name}_weights"] = random.normal(0, 1, (latent, int(np.prod(shape[1:])))).astype(np.float32)
        nodes += [
            helper.make_node("MatMul", ["z", f"{name}_weights"], [f"{name}_flat"]),
            helper.make_node("Reshape", [f"{name}_flat", f"{name}_shape"], [f"{name}_raw"]),
            helper.make_node("Sigmoid" if shape == plane else "Tanh", [f"{name}_raw"], [name]),
        ]
    if not several_slots:
        nodes.append(helper.make_node("Identity", ["mask"], ["responsibility"]))
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    initializers += [numpy_helper.from_array(np.array(shape), f"{name}_shape") for name, shape in shapes.items()]
    initializers += [
        numpy_helper.from_array(np.array([1, 2, 3]), "axes"),
        numpy_helper.from_array(np.array([1]), "last"),
    ]
    outputs = {"z_next": vector, "log_posterior": [batch], "mask": plane, "responsibility": plane}
    outputs |= {"foreground": image, "background": image}
    graph = helper.make_graph(
        nodes,
        "posterior_step",
        [tensor("z", vector), tensor("image", image), tensor("noise", vector)],
        [tensor(name, shape) for name, shape in outputs.items()],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def greedy_posterior_step() -> bytes:
    """As ``random_posterior_step``, but z_next goes through a tensor of 8 GiB."""
    model = onnx.load_model_from_string(random_posterior_step())
    graph = model.graph
    for node in graph.node:
        node.output[:] = ["small" if name == "z_next" else name for name in node.output]
    batch, latent = (side.dim_value for side in graph.input[0].type.tensor_type.shape.dim)
    shape = np.array([(1 << 31) // (batch * latent), batch, latent], np.int64)
    graph.initializer.append(numpy_helper.from_array(shape, "giant_shape"))
    graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "first_axis"))
    graph.node.append(helper.make_node("Expand", ["small", "giant_shape"], ["giant"]))
    graph.node.append(helper.make_node("ReduceMax", ["giant", "first_axis"], ["z_next"], keepdims=0))
    return bytes(model.SerializeToString())


def diverging_posterior_step() -> bytes:
    """The toy's step, except that bright images move z beyond float32."""
    model = onnx.load_model_from_string(toy_posterior_step())
    nodes = list(model.graph.node)
    total = next(node for node in nodes if node.output[0] == "z_next")
    total.output[0] = "toy_z_next"
    further = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "steep"], ["steeper"]),
        helper.make_node("Exp", ["steeper"], ["far"]),
        helper.make_node("Add", ["toy_z_next", "far"], ["z_next"]),
    ]
    model.graph.node.extend(further)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(200), "steep"))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def random_manifest(graph: bytes, slots: int = 1) -> Manifest:
    """The manifest of ``random_posterior_step``."""
    image, plane, vector = (2, 3, 24, 40), (2, 1, 24, 40), (2, 6)
    inputs = {"z": vector, "image": image, "noise": vector}
    outputs = {"z_next": vector, "log_posterior": (2,), "mask": plane, "responsibility": plane}
    outputs |= {"foreground": image, "background": image}
    return replace(
        toy_manifest(graph),
        name="random" if slots == 1 else "slots",
        image_size=(24, 40),
        latent=LatentSizes(foreground=3, background=2, reassignment=1, foreground_slots=slots),
        sampler=Sampler(step_size=0.1, sigma=0.3, cold_steps=7, track_steps=2, foreground_spread=1.3),
        graphs={"posterior_step": GraphEntry.of("posterior_step.onnx", graph, inputs, outputs)},
    )


def damaged_graphs(graph: bytes) -> Iterator[tuple[int, int, bool]]:
    """Position, new value of the byte there (-1: truncated there), and whether Python still accepts the graph."""
    for position in range(len(graph)):
        for value in {graph[position] ^ 1, graph[position] ^ 0x80, 0x6A, -1} - {graph[position]}:
            changed = graph[:position]
            if value >= 0:
                changed += bytes([value]) + graph[position + 1 :]
            try:
                check_model(changed, "graph")
            except BundleError:
                yield position, value, False
            else:
                yield position, value, True


def refusal_of_graph(data: bytes) -> str | None:
    """Python's message, or None."""
    try:
        check_model(data, "graph")
    except BundleError as error:
        return str(error)
    return None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
