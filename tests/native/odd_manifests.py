"""Manifests that a bundle could have, most of them wrong, and what Python says of each; C++ has to say the same."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from drc_runtime.bundle.manifest import Manifest
from drc_runtime.errors import BundleError
from drc_runtime.samples import sample_bundle

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 3, 1.0, 1.5, 1e9, 65537, 16384, 10**19, 10**20, -(10**30), 10**400),
    *(1e-200, 1e-20, 1e-10, 1e-9, 1e6, 1000001, 9e8, -1e-3),
    *("", " ", "x", "a\nb", "Käfer 虫 🪲", "a\u00a0b", "\u200b", "\u2028", "../x", "manifest.json", ".x"),
    *("x" * 129, "0" * 64, "A" * 64, "x" * 1024, "x" * 1025, "\u00e4" * 1025, "\u00e4" * 4096, "\u00e4" * 4097),
    *([1] * 8, [1] * 9, [65536, 1024], [65536, 1025], [65536] * 8, [16384, 16384]),
    *({str(index): index for index in range(count)} for count in (64, 65)),
    *([], [0], [8, 12], [1, 4], [1, 4.0], [True], [1, [1]], {}, {"z": [1, 4]}),
)


def manifests(text: str) -> Iterator[str]:
    """The manifest and its variations: each key removed, doubled, or with each of the odd values."""
    yield text
    whole = json.loads(text)
    graph = whole["graphs"]["posterior_step"]
    whole["torchscript"] = {"posterior_step": {"file": "posterior_step.pt", "sha256": graph["sha256"]}}
    whole["sampler"]["likelihood"] = "gaussian"
    whole["latent"]["foreground_slots"] = 2
    yield json.dumps(whole)
    for path in paths(whole):
        changed = copy.deepcopy(whole)
        parent = changed
        for key in path[:-1]:
            parent = parent[key]
        del parent[path[-1]]
        yield json.dumps(changed)
        for value in ODD_VALUES:
            parent[path[-1]] = value
            yield json.dumps(changed)
    for cut in range(0, len(text), 97):
        yield text[:cut]
    yield text.replace('"name"', '"name": "a", "name"', 1)
    yield text.replace('"iou"', '"iou": 0, "iou"', 1)
    yield text.replace('"posterior_step.onnx"', '"posterior_step.onnx", "more": 3', 1)
    for key in ("", " ", "a\\u0000", "a\\u001b[2J", "a\\nb", "x" * 128, "x" * 129, "\u00e4" * 128, "\u00e4" * 129):
        yield text.replace('"iou"', f'"{key}"', 1)
    yield from (text + end for end in ("\0", "\0garbage", " \0", "\0{}"))
    many = json.loads(text)
    for count in (31, 32, 63, 64, 65):
        entries = {f"g{index}": graph | {"file": f"g{index}.onnx"} for index in range(count)}
        yield json.dumps(many | {"graphs": many["graphs"] | entries})
    scripts = {name: {"file": f"{name}.pt", "sha256": graph["sha256"]} for name in ("posterior_step", "more")}
    yield json.dumps(many | {"torchscript": scripts})
    yield json.dumps(many | {"torchscript": scripts | {"posterior_step": {**scripts["more"], "file": graph["file"]}}})
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "1e-999", "01", "+1", ".5", "1.", "-0", "0x1", "1e5"):
        yield text.replace("0.5", number, 1)
    for string in (r"\ud800", r"\udc00x", r"\ud83d\ude00", r"\u0000", r"\x", "\t", r"\t", "\x7f"):
        yield text.replace('"toy"', f'"{string}"', 1)
    yield from (
        "\ufeff" + text,
        text + "x",
        text + " \n",
        "// c\n" + text,
        "[]",
        "3",
        "null",
        text.replace("}", ",}", 1),
    )
    for depth in (10, 100, 100_000):
        yield text.replace("0.5", "[" * depth + "]" * depth, 1)
    other = copy.deepcopy(whole)
    for name in ("render", "prior_step", "posterior_step_fp16", "render_fp16", "mine"):
        other["graphs"] = whole["graphs"] | {name: graph}
        yield json.dumps(other)
        other["graphs"] = whole["graphs"] | {name: graph | {"file": f"{name}.onnx"}}
        yield json.dumps(other)


def fixed_camera_manifests() -> Iterator[str]:
    """Format 2: the bundled manifest, with each tensor of its graph removed or odd, and other formats and backgrounds."""
    whole = json.loads((sample_bundle("fixed-camera") / "manifest.json").read_text(encoding="utf-8"))
    for version in ("drc-bundle-1", "drc-bundle-2", "drc-bundle-3"):
        for background in (None, "input", "generated", "learned", 3, "", [], {}):
            yield json.dumps(whole | {"format": version, "background": background})
        yield json.dumps({key: value for key, value in whole.items() if key != "background"} | {"format": version})
    for side in ("inputs", "outputs"):
        for tensor in (*whole["graphs"]["posterior_step"][side], "background", "more"):
            for value in (None, [1], [1, 3, 64, 64], [1, 1, 64, 64], [2, 34], "x"):
                changed = copy.deepcopy(whole)
                changed["graphs"]["posterior_step"][side][tensor] = value
                yield json.dumps(changed)
            del changed["graphs"]["posterior_step"][side][tensor]
            yield json.dumps(changed)
    graph = whole["graphs"]["posterior_step"]
    for name in ("posterior_step_fp16", "render", "mine"):
        yield json.dumps(whole | {"graphs": {"posterior_step": graph, name: graph | {"file": "more.onnx"}}})


def sampler_manifests(text: str) -> Iterator[str]:
    """Of a manifest with an initialiser: schedules and initial chains at and beyond their bounds, and of the wrong kind."""
    whole = json.loads(text)
    good, steps = {"start": 1.0, "end": 0.1}, whole["sampler"]["initial"]["steps"]
    numbers = (1e-6, 9e-7, 1, 1.0000001, 16, 16.000001, 0, -1, True, None, "1", [1], {}, float("inf"), float("nan"))
    schedules: list[Any] = [
        good,
        {"start": 0.1, "end": 1},
        {"start": 16, "end": 1e-6},
        good | {"middle": 0.5},
        {},
        [],
        "annealed",
    ]
    schedules += [None, 0.5, [1.0, 0.1], {"start": 1.0}, {"end": 0.1}, {"Start": 1.0, "end": 0.1}]
    schedules += [good | {key: number} for key in good for number in numbers]
    chains: list[Any] = [{"steps": steps}, {"schedule": good}, {"steps": steps, "more": 1}, {}, [], None, steps, "z"]
    chains += [{"steps": number} for number in (0, 1, -1, 1.5, "3", None, True, 10**6, 10**6 + 1, 10**30)]
    chains += [{"steps": steps, "schedule": schedule} for schedule in schedules]
    for key, values in (("schedule", schedules), ("initial", chains)):
        for value in values:
            yield json.dumps(whole | {"sampler": whole["sampler"] | {key: value}})
        yield json.dumps(whole | {"sampler": {name: it for name, it in whole["sampler"].items() if name != key}})
    graphs = {name: it for name, it in whole["graphs"].items() if name != "initial_latent"}
    yield json.dumps(whole | {"graphs": graphs})
    yield json.dumps(
        whole | {"graphs": graphs, "sampler": {k: v for k, v in whole["sampler"].items() if k != "initial"}}
    )


def paths(value: Any) -> Iterator[tuple[str, ...]]:
    """The path of every value in nested objects."""
    for key, child in value.items():
        yield (key,)
        if isinstance(child, dict):
            yield from ((key, *path) for path in paths(child))


def verdict_on_manifest(text: str) -> dict[str, str | None]:
    """``refusal`` is Python's message, or None."""
    try:
        Manifest.parse(text)
    except BundleError as error:
        return {"text": text, "refusal": str(error)}
    return {"text": text, "refusal": None}
