"""What earlier runs have learned of a source: the newest model, and the scene without what stands in it."""

import json
import re
from hashlib import sha256
from pathlib import Path

import numpy as np

from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.camera.pictures import Array
from drc_runtime.images import read_image, write_png
from drc_runtime.plain_text import without_secrets
from drc_runtime.preprocess import resize

FOLDER = Path("drc-learned")
BUNDLES = "bundle-[0-9]*-[0-9]*"
"""Named by the date, so that the newest sorts last."""
BACKGROUND = "background.png"


def default_folder(spec: str) -> Path:
    """Where the models of a source are kept: ``drc-learned/NAME``, the same for the same source."""
    word, _, detail = spec.partition(":")
    if detail.startswith("//"):
        name = without_secrets(spec).partition("://")[2]
        if "..." in name:  # addresses that differ only in what is hidden get folders of their own
            name = f"{name.replace('...', '')[:50]}-{sha256(spec.encode(errors='replace')).hexdigest()[:6]}"
    elif word in ("webcam", "sample") or spec.startswith("/dev/"):
        name = spec
    else:
        name = Path(spec).stem
    return FOLDER / (re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "source")


def newest_model(folder: Path) -> Path | None:
    """The newest model of any fixed camera in the folder of a source; None if nothing was learned there.

    Models that earlier versions learned have a background of their own and do not follow their camera: ``--model`` names them.
    """
    for bundle in sorted(folder.glob(BUNDLES), reverse=True):
        try:
            manifest = json.loads((bundle / MANIFEST).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(manifest, dict) and manifest.get("background") == "input":
            return bundle
    return None


def save_background(folder: Path, background: Array) -> None:
    """Keeps a camera's background ``(h, w, 3)``, in grey levels, for the next start.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_png(folder / BACKGROUND, np.clip(np.rint(background), 0, 255).astype(np.uint8))


def load_background(folder: Path, size: tuple[int, int]) -> Array | None:
    """The background that was kept, scaled to ``size`` (height, width); None if there is none.

    Raises:
        SourceError: the file is damaged.
    """
    path = folder / BACKGROUND
    return np.asarray(resize(read_image(path), size), np.float32) if path.exists() else None
