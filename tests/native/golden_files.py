"""How golden results are written: a mask as an image for each frame, numbers as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from drc_runtime.images import write_png
from drc_runtime.inference.extraction import Extraction

SEED = 0x1_2345_6789
"""More than 32 bits."""


def record(
    bundle: Path,
    name: str,
    extract: Callable[[np.ndarray], Extraction],
    images: list[np.ndarray],
    files: list[str],
) -> list[dict[str, Any]]:
    """Writes the mask of each image, and returns the results with the names of the files."""
    found = []
    for image, file in zip(images, files, strict=False):
        extraction = extract(image)
        mask = f"{name}-{file}"
        write_png(bundle / mask, extraction.probability)
        found.append(
            {"mask": mask, "image": file, "steps": extraction.steps}
            | {"log_posterior": extraction.log_posterior, "foreground_share": extraction.foreground_share}
        )
    return found


def write_json(path: Path, value: Any) -> None:
    """Writes ASCII only: odd characters are escaped, and the same after parsing."""
    path.write_text(json.dumps(value), encoding="utf-8")
