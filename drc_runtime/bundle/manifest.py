"""The manifest of a bundle, version 1: what ``manifest.json`` must say, checked key by key."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from drc_runtime.errors import BundleError

MANIFEST = "manifest.json"
"""The name of the manifest's file in the bundle folder."""
FORMAT = "drc-bundle-1"
HALF_PRECISION = "_fp16"
"""Suffix of graphs that compute what those without it do, convolutions in float16; inputs and outputs stay float32."""
LIKELIHOODS = ("laplace", "gaussian")
Shape = tuple[int, ...]

# A file name that means the same on every system and can neither leave the folder nor hide in it.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Far above every sensible image or latent vector; below it no declared shape can exhaust the memory by itself.
_LARGEST_SIZE = 1 << 16

# The tensors of the three graphs of version 1. B: batch, D: latent vector, H and W: image.
_VECTOR, _SCALAR, _PLANE, _IMAGE = "BD", "B", "B1HW", "B3HW"
_GRAPHS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "posterior_step": (
        {"z": _VECTOR, "image": _IMAGE, "noise": _VECTOR},
        {
            "z_next": _VECTOR,
            "log_posterior": _SCALAR,
            "mask": _PLANE,
            "responsibility": _PLANE,
            "foreground": _IMAGE,
            "background": _IMAGE,
        },
    ),
    "render": (
        {"z": _VECTOR},
        {
            "mask": _PLANE,
            "foreground": _IMAGE,
            "background": _IMAGE,
            "background_before_reassignment": _IMAGE,
            "image": _IMAGE,
        },
    ),
    "prior_step": ({"z": _VECTOR, "noise": _VECTOR}, {"z_next": _VECTOR, "energy": _SCALAR}),
}


@dataclass(frozen=True)
class GraphEntry:
    """One graph file of a bundle. Shapes are fixed; every tensor is float32."""

    file: str
    sha256: str
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]

    @classmethod
    def of(cls, file: str, data: bytes, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> "GraphEntry":
        """Describes the graph ``data``, to be written as ``file``."""
        return cls(file, hashlib.sha256(data).hexdigest(), dict(inputs), dict(outputs))


@dataclass(frozen=True)
class FileEntry:
    """One further file of a bundle."""

    file: str
    sha256: str

    @classmethod
    def of(cls, file: str, data: bytes) -> "FileEntry":
        """Describes ``data``, to be written as ``file``."""
        return cls(file, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class LatentSizes:
    """How many numbers of z belong to each generator; they are concatenated in this order (0: no re-assignment)."""

    foreground: int
    background: int
    reassignment: int

    @property
    def total(self) -> int:
        """D, the length of z."""
        return self.foreground + self.background + self.reassignment


@dataclass(frozen=True)
class Sampler:
    """The Langevin sampler of the posterior (Eq. 13, Listing 2)."""

    step_size: float
    """Step size; the drift of a step is step_size^2 / 2 times the gradient."""
    sigma: float
    """Scale of the likelihood in the network's range [-1, 1]."""
    cold_steps: int
    """Steps from noise to a mask."""
    track_steps: int
    """Steps a frame when z is kept from the frame before."""
    foreground_spread: float = 1.0
    """The foreground's sigma over the background's, which is ``sigma``; 1 where a manifest does not say."""
    likelihood: str = "laplace"
    """log p of each channel is -|difference| / (2 sigma^2), or for gaussian -difference^2 / (2 sigma^2); laplace where a manifest
    does not say."""


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds and how to run it."""

    name: str
    image_size: tuple[int, int]
    """Height and width of the network's image."""
    latent: LatentSizes
    sampler: Sampler
    graphs: dict[str, GraphEntry]
    training: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    """Where the weights come from: data, iterations, seed, version."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Figures measured on the exported model; any JSON."""
    torchscript: dict[str, FileEntry] = field(default_factory=dict)
    """The same functions as TorchScript, by the names of ``graphs``, with inputs and outputs in the order given there."""

    def to_json(self) -> str:
        """The text of ``manifest.json``; ``parse`` reads it back unchanged.

        Raises:
            BundleError: a number in it is infinite or not a number, which JSON cannot say.
        """
        try:
            values = {"format": FORMAT, **asdict(self)}
            if not self.torchscript:
                del values["torchscript"]
            if self.sampler.likelihood == "laplace":
                del values["sampler"]["likelihood"]
            return json.dumps(values, indent=2, allow_nan=False) + "\n"
        except ValueError as error:
            raise BundleError(f"the manifest of {self.name!r} holds a number that is not finite") from error

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Reads ``manifest.json``. Keys that version 1 does not know are left alone.

        Raises:
            BundleError: not JSON, another version, or a key that is missing or of the wrong kind, named by its path.
        """
        root = _Node(_decode(text), "")
        version = root.text("format")
        if version != FORMAT:
            raise BundleError(
                f"the bundle has format {version!r} but this version of drc reads {FORMAT!r}: "
                "export it again, or install the drc that wrote it"
            )
        image_size = root.sizes("image_size")
        if len(image_size) != 2:
            root.refuse("image_size", "must be [height, width]")
        latent = root.child("latent")
        sampler = root.child("sampler")
        manifest = cls(
            name=root.text("name"),
            image_size=(image_size[0], image_size[1]),
            latent=LatentSizes(
                latent.size("foreground"), latent.size("background"), latent.size("reassignment", least=0)
            ),
            sampler=Sampler(
                sampler.positive("step_size"),
                sampler.positive("sigma"),
                sampler.size("cold_steps"),
                sampler.size("track_steps"),
                sampler.positive("foreground_spread") if "foreground_spread" in sampler.values else 1.0,
                sampler.choice("likelihood", LIKELIHOODS) if "likelihood" in sampler.values else LIKELIHOODS[0],
            ),
            graphs={name: _graph(node) for name, node in root.child("graphs").children()},
            training=root.child("training").scalars(),
            metrics=root.child("metrics").values,
            torchscript={name: _file(node) for name, node in _optional(root, "torchscript")},
        )
        _check_graphs(manifest)
        return manifest


class _Node:
    """A JSON object and where it stands in the manifest, so that each complaint can name the key."""

    def __init__(self, values: Any, path: str) -> None:
        if not isinstance(values, dict):
            raise BundleError(f"manifest.json: {path or 'the whole'} must be an object")
        self.values: dict[str, Any] = values
        self.path = path

    def refuse(self, key: str, why: str) -> NoReturn:
        raise BundleError(f"manifest.json: {self._where(key)} {why}")

    def child(self, key: str) -> "_Node":
        return _Node(self._value(key), self._where(key))

    def children(self) -> list[tuple[str, "_Node"]]:
        return [(key, self.child(key)) for key in self.values]

    def text(self, key: str) -> str:
        value = self._value(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.refuse(key, "must be one line of text")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            self.refuse(key, f"is {value!r}, but this version of drc knows {', '.join(allowed)}")
        return value

    def positive(self, key: str) -> float:
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            self.refuse(key, "must be a positive number")
        return float(value)

    def size(self, key: str, least: int = 1) -> int:
        value = self._value(key)
        if not _is_size(value, least):
            self.refuse(key, f"must be a whole number from {least} to {_LARGEST_SIZE}")
        return int(value)

    def sizes(self, key: str) -> Shape:
        value = self._value(key)
        if not isinstance(value, list) or not value or not all(_is_size(item, 1) for item in value):
            self.refuse(key, f"must be a list of whole numbers from 1 to {_LARGEST_SIZE}")
        return tuple(value)

    def scalars(self) -> dict[str, str | int | float | bool | None]:
        for key, value in self.values.items():
            if isinstance(value, dict | list):
                self.refuse(key, "must be text, a number, true, false or null")
        return self.values

    def _value(self, key: str) -> Any:
        if key not in self.values:
            self.refuse(key, "is missing")
        return self.values[key]

    def _where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def _decode(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair parses but can never be printed
        return value
    except (ValueError, RecursionError) as error:
        raise BundleError(f"manifest.json is not valid JSON ({str(error) or 'nested too deeply'})") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Parsers disagree on which of two equal keys counts, and another reader of the bundle might take the other one.
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _is_size(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _LARGEST_SIZE


def _optional(root: _Node, key: str) -> list[tuple[str, _Node]]:
    return root.child(key).children() if key in root.values else []


def _file(node: _Node) -> FileEntry:
    file, sha256 = node.text("file"), node.text("sha256")
    if not _FILE_NAME.fullmatch(file) or file == "manifest.json":
        node.refuse("file", "must be a plain file name inside the bundle: letters, digits, '_', '-' and '.'")
    if not _SHA256.fullmatch(sha256):
        node.refuse("sha256", "must be 64 hexadecimal digits")
    return FileEntry(file, sha256)


def _graph(node: _Node) -> GraphEntry:
    file = _file(node)
    inputs, outputs = node.child("inputs"), node.child("outputs")
    return GraphEntry(
        file.file,
        file.sha256,
        {name: inputs.sizes(name) for name in inputs.values},
        {name: outputs.sizes(name) for name in outputs.values},
    )


def _check_graphs(manifest: Manifest) -> None:
    """The graphs of version 1 must have the tensors and shapes that the sizes of image and latent vector imply."""
    if "posterior_step" not in manifest.graphs:
        raise BundleError("manifest.json: graphs.posterior_step is missing")
    for name in manifest.torchscript:
        if name not in manifest.graphs:
            raise BundleError(
                f"manifest.json: torchscript.{name} has no graph of the same name that says what it takes"
            )
    sizes = {"D": manifest.latent.total, "H": manifest.image_size[0], "W": manifest.image_size[1], "1": 1, "3": 3}
    for name, graph in manifest.graphs.items():
        kind = name.removesuffix(HALF_PRECISION)
        if kind not in _GRAPHS:
            continue
        inputs, outputs = _GRAPHS[kind]
        unknown = sorted(graph.inputs.keys() - inputs.keys())
        if unknown:
            raise BundleError(f"manifest.json: graphs.{name}.inputs.{unknown[0]} is not an input of version 1")
        batch = graph.inputs.get("z", (1,))[0]
        for side, known, given in (("inputs", inputs, graph.inputs), ("outputs", outputs, graph.outputs)):
            for tensor, axes in known.items():
                where = f"manifest.json: graphs.{name}.{side}.{tensor}"
                expected = tuple(batch if axis == "B" else sizes[axis] for axis in axes)
                if tensor not in given:
                    raise BundleError(f"{where} is missing")
                if given[tensor] != expected:
                    raise BundleError(f"{where} is {list(given[tensor])} but the sizes above make it {list(expected)}")
