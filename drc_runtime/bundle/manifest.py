"""The manifest of a bundle, versions 1 and 2: the data and the check of ``manifest.json`` (docs/bundle.md describes each key)."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from drc_runtime.bundle.golden import Golden
from drc_runtime.bundle.json_object import JsonObject, Scalar
from drc_runtime.errors import BundleError

MANIFEST = "manifest.json"
"""The name of the manifest's file in the bundle folder."""
FORMAT = "drc-bundle-1"
FORMAT_2 = "drc-bundle-2"
"""The format of bundles whose background is an input: a reader of version 1 would run them without one."""
BACKGROUNDS = ("generated", "input")
MOST_FILES = 32
"""Files of a bundle: each is read as a whole."""
HALF_PRECISION = "_fp16"
"""Suffix of the graphs whose convolutions compute in float16; their inputs and outputs are float32, too."""
BACKENDS = "backends"
"""The key of ``metrics`` under which an export records, by graph, which backends support it by their documentation."""
LIKELIHOODS = ("laplace", "gaussian")
Shape = tuple[int, ...]

# Valid on every operating system, not hidden, and without a separator: the file cannot lie outside the folder.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

INITIAL_LATENT = "initial_latent"
"""The graph that takes an image to the z where its chain begins."""
STUDENT = "student"
"""The graph that takes an image to the foreground's log-odds, at a size of its own (``drc_runtime.inference.student``)."""

# Name -> axes of the inputs, axes of the outputs. B: batch, D: latent vector, H and W: image.
_VECTOR, _SCALAR, _PLANE, _IMAGE = "BD", "B", "B1HW", "B3HW"
GRAPHS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
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
    INITIAL_LATENT: ({"image": _IMAGE}, {"z": _VECTOR}),
}
"""The graphs. A bundle must have ``posterior_step``; graphs of other names are not checked."""


GIVEN = {"background": _IMAGE, "background_scale": _PLANE}
"""Further inputs of ``posterior_step`` where the background is an input: the picture in [-1, 1] under the image's light, and the
mean absolute deviation of a channel from it, above 0, in the same unit."""
LIT = "background_lit"
"""The output that takes the place of ``background`` there: the given background with the local gain that the model draws."""


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
    """The length of each part of z, concatenated in this order: foreground, background, pixel re-assignment (Sec. 3.3)."""

    foreground: int
    background: int
    reassignment: int
    """0 where the model has no pixel re-assignment."""
    foreground_slots: int = 1
    """K, the number of foreground slots, which share ``foreground`` equally; 1 where a manifest does not say."""

    @property
    def total(self) -> int:
        """D, the length of z."""
        return self.foreground + self.background + self.reassignment


@dataclass(frozen=True)
class Schedule:
    """How the steps of a chain change from the first to the last, see ``drc_runtime.inference.schedule``."""

    start: float
    """What the first step is multiplied by, in [1e-6, 16]."""
    end: float
    """What the last step is multiplied by, in [1e-6, 1]."""


@dataclass(frozen=True)
class InitialChain:
    """The chain that starts where the graph ``initial_latent`` puts it, in the place of the one from noise."""

    steps: int
    """Its Langevin steps."""
    schedule: Schedule | None = None
    """Their sizes. None: all steps are whole."""


@dataclass(frozen=True)
class Sampler:
    """The Langevin sampler of the posterior (Eq. 13, Listing 2)."""

    step_size: float
    """Step size; the drift of a step is step_size^2 / 2 times the gradient."""
    sigma: float
    """Scale of the likelihood, in units of the network's range [-1, 1]."""
    cold_steps: int
    """Steps from a sample of the prior to a mask."""
    track_steps: int
    """Steps for each frame of a video, which starts from the z of the frame before."""
    foreground_spread: float = 1.0
    """Foreground sigma / background sigma, where the background's is ``sigma``; 1 if the manifest lacks the key."""
    likelihood: str = "laplace"
    """log p of each channel up to a constant. ``laplace``: -|x - g| / (2 sigma^2). ``gaussian``: -(x - g)^2 / (2 sigma^2). If the
    manifest lacks the key: ``laplace``."""
    schedule: Schedule | None = None
    """Of chains that start from noise: an image, the first frame of a video, a changed scene. None: all steps are whole."""
    initial: InitialChain | None = None
    """Of chains that start from ``initial_latent``; None where the bundle does not have that graph."""


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds and how to run it."""

    name: str
    image_size: tuple[int, int]
    """Height and width, in pixels, of the image that the network takes."""
    latent: LatentSizes
    sampler: Sampler
    graphs: dict[str, GraphEntry]
    training: dict[str, Scalar] = field(default_factory=dict)
    """How the weights were learned: data, iterations, seed, version."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Measurements of the exported model; any JSON."""
    background: str = "generated"
    """Where the background comes from. ``generated``: the model draws it. ``input``: the runtime learns it while it runs, for any
    fixed camera (format 2)."""
    golden: Golden | None = None
    """Known steps by which engines are checked; None in bundles from before."""
    torchscript: dict[str, FileEntry] = field(default_factory=dict)
    """TorchScript files by the names of ``graphs``: same function, inputs and outputs in the order that the graph's entry has."""

    def to_json(self) -> str:
        """The text of ``manifest.json``; ``parse`` returns an equal manifest.

        What has its default is left out, for readers that do not know it.

        Raises:
            BundleError: a number is infinite or NaN, which JSON does not have.
        """
        try:
            values = {"format": FORMAT_2 if self.background == "input" else FORMAT, **asdict(self)}
            if self.background == "generated":
                del values["background"]
            if not self.torchscript:
                del values["torchscript"]
            if self.sampler.likelihood == "laplace":
                del values["sampler"]["likelihood"]
            if self.sampler.schedule is None:
                del values["sampler"]["schedule"]
            if self.sampler.initial is None:
                del values["sampler"]["initial"]
            elif self.sampler.initial.schedule is None:
                del values["sampler"]["initial"]["schedule"]
            if self.golden is None:
                del values["golden"]
            else:
                values["golden"] = self.golden.to_values()
            if self.latent.foreground_slots == 1:
                del values["latent"]["foreground_slots"]
            return json.dumps(values, indent=2, allow_nan=False) + "\n"
        except ValueError as error:
            raise BundleError(f"the manifest of {self.name!r} holds a number that is not finite") from error

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Checks and reads the text of ``manifest.json``. Unknown keys are ignored.

        Raises:
            BundleError: not JSON, another version, or a key that is missing or wrong; the message has the key's path.
        """
        root = JsonObject.decode(text, MANIFEST)
        version = root.text("format")
        if version not in (FORMAT, FORMAT_2):
            raise BundleError(
                f"the bundle has format {version!r} but this version of drc reads {FORMAT!r} and {FORMAT_2!r}: "
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
                latent.size("foreground"),
                latent.size("background"),
                latent.size("reassignment", least=0),
                latent.size("foreground_slots") if "foreground_slots" in latent.values else 1,
            ),
            sampler=Sampler(
                sampler.scale("step_size"),
                sampler.scale("sigma"),
                sampler.size("cold_steps"),
                sampler.size("track_steps"),
                sampler.scale("foreground_spread") if "foreground_spread" in sampler else 1.0,
                sampler.choice("likelihood", LIKELIHOODS) if "likelihood" in sampler else LIKELIHOODS[0],
                _schedule(sampler),
                _initial(sampler.child("initial")) if "initial" in sampler else None,
            ),
            graphs={name: _graph(node) for name, node in root.child("graphs").children()},
            training=root.child("training").scalars(),
            metrics=root.child("metrics").any_values(),
            background=_background(root, version),
            golden=Golden.parse(root.child("golden")) if "golden" in root else None,
            torchscript={name: _file(node) for name, node in _optional(root, "torchscript")},
        )
        _check_graphs(manifest)
        return manifest


def _schedule(node: JsonObject) -> Schedule | None:
    if "schedule" not in node:
        return None
    schedule = node.child("schedule")
    return Schedule(schedule.number("start", 1e-6, 16), schedule.number("end", 1e-6, 1))


def _initial(node: JsonObject) -> InitialChain:
    return InitialChain(node.size("steps"), _schedule(node))


def _background(root: JsonObject, version: str) -> str:
    background = root.choice("background", BACKGROUNDS) if "background" in root else BACKGROUNDS[0]
    if (background == "input") != (version == FORMAT_2):
        root.refuse("background", f"does not go with format {version!r}")
    return background


def _optional(root: JsonObject, key: str) -> list[tuple[str, JsonObject]]:
    return root.child(key).children() if key in root else []


def _file(node: JsonObject) -> FileEntry:
    file, sha256 = node.text("file"), node.text("sha256")
    if not _FILE_NAME.fullmatch(file) or file == MANIFEST:
        node.refuse("file", "must be a plain file name inside the bundle: letters, digits, '_', '-' and '.'")
    if not _SHA256.fullmatch(sha256):
        node.refuse("sha256", "must be 64 hexadecimal digits")
    return FileEntry(file, sha256)


def _graph(node: JsonObject) -> GraphEntry:
    file = _file(node)
    return GraphEntry(file.file, file.sha256, node.child("inputs").all_sizes(), node.child("outputs").all_sizes())


def _check_graphs(manifest: Manifest) -> None:
    """The graphs of ``GRAPHS`` must have the tensors and shapes that ``image_size`` and ``latent`` imply."""
    if "posterior_step" not in manifest.graphs:
        raise BundleError(f"{MANIFEST}: graphs.posterior_step is missing")
    if (manifest.sampler.initial is None) != (INITIAL_LATENT not in manifest.graphs):
        raise BundleError(f"{MANIFEST}: of sampler.initial and graphs.{INITIAL_LATENT} one is missing")
    files = [graph.file for graph in manifest.graphs.values()] + [it.file for it in manifest.torchscript.values()]
    if len(files) > MOST_FILES or len(set(files)) < len(files):
        raise BundleError(f"{MANIFEST}: it names more than {MOST_FILES} files, or one file twice")
    for name in manifest.torchscript:
        if name not in manifest.graphs:
            raise BundleError(f"{MANIFEST}: torchscript.{name} has no graph of the same name that says what it takes")
    sizes = {"D": manifest.latent.total, "H": manifest.image_size[0], "W": manifest.image_size[1], "1": 1, "3": 3}
    for name, graph in sorted(manifest.graphs.items()):  # so that every language names the same graph first
        kind = name.removesuffix(HALF_PRECISION)
        if kind not in GRAPHS:
            continue
        inputs, outputs = GRAPHS[kind]
        if kind == "posterior_step" and manifest.background == "input":
            inputs = inputs | GIVEN
            outputs = {LIT if it == "background" else it: axes for it, axes in outputs.items()}
        unknown = sorted(graph.inputs.keys() - inputs.keys())
        if unknown:
            raise BundleError(f"{MANIFEST}: graphs.{name}.inputs.{unknown[0]} is not an input of version 1")
        batch = graph.inputs.get("z", graph.inputs.get("image", (1,)))[0]
        for side, known, given in (("inputs", inputs, graph.inputs), ("outputs", outputs, graph.outputs)):
            for tensor, axes in known.items():
                where = f"{MANIFEST}: graphs.{name}.{side}.{tensor}"
                expected = tuple(batch if axis == "B" else sizes[axis] for axis in axes)
                if tensor not in given:
                    raise BundleError(f"{where} is missing")
                if given[tensor] != expected:
                    raise BundleError(f"{where} is {list(given[tensor])} but the sizes above make it {list(expected)}")
