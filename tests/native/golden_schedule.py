"""Golden results of chains whose steps follow a schedule, computed in NumPy and not by the runtime's loop."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from native.golden_files import SEED, record, write_json

from drc_runtime.images import write_png
from drc_runtime.inference.extraction import Extraction
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.inference.noise import NormalNoise


def write_scheduled(bundle: Path, images: list[np.ndarray], start: float, end: float) -> None:
    """Gives the bundle's manifest the schedule, and writes what a chain in NumPy makes of it, as ``write_masks`` does."""
    text = json.loads((bundle / "manifest.json").read_text())
    text["sampler"]["schedule"] = {"start": start, "end": end}
    write_json(bundle / "manifest.json", text)
    extractor, noise = Extractor(bundle, threads=1), NormalNoise(SEED)
    settings = extractor.manifest.sampler
    session = onnxruntime.InferenceSession(bundle / "posterior_step.onnx")
    latest = np.zeros((2, 6), np.float32)

    def chain(tensor: np.ndarray, sizes: np.ndarray) -> tuple[PosteriorSample, int]:
        given = {"image": np.broadcast_to(tensor, (2, *tensor.shape)).copy(), "noise": np.zeros_like(latest)}
        outputs = [it.name for it in session.get_outputs()]
        for size in sizes.astype(np.float32):
            found = dict(zip(outputs, session.run(None, {"z": latest, **given}), strict=True))
            latest[:] = latest + size * (found["z_next"] - latest)
        maps = (found[name] for name in ("log_posterior", "mask", "foreground", "background"))
        return PosteriorSample(latest.copy(), *maps), len(sizes)

    cold = start + (end - start) * (np.arange(settings.cold_steps) / (settings.cold_steps - 1))

    def from_noise(image: np.ndarray) -> Extraction:
        latest[:] = noise.draw(latest.shape)
        return extractor.reader.read(image, lambda tensor: chain(tensor, cold))

    names = [f"image-{index}.png" for index in range(len(images))]
    for name, image in zip(names, images, strict=True):
        write_png(bundle / name, image)
    extracted = record(bundle, "extract", from_noise, images, names)
    tracked = record(bundle, "track", from_noise, images[:1], names)
    warm = record(
        bundle,
        "track",
        lambda image: extractor.reader.read(image, lambda tensor: chain(tensor, np.ones(3))),
        images[1:],
        names[1:],
    )
    run = {"kind": "responsibility", "steps": 3, "budget": None, "restarts": 0}
    write_json(bundle / "golden.json", {"seed": SEED, "runs": [run | {"extract": extracted, "track": tracked + warm}]})
