"""What a measurement that is kept on disk belongs to, so that it is repeated exactly when one of the two has changed."""

import hashlib
import json
from pathlib import Path


def subject_of(data: str, weights: Path | None = None) -> str:
    """SHA-256 of what is measured: the file of weights and chains, and the files of the data by path, size and time.

    Args:
        data: a folder, or the name of a data set that is drawn.
        weights: None where no run is measured.
    """
    digest = hashlib.sha256(weights.read_bytes() if weights else b"")
    files = sorted(path for path in Path(data).rglob("*") if path.is_file()) if Path(data).is_dir() else []
    listing = [(str(path), stat.st_size, stat.st_mtime_ns) for path in files for stat in [path.stat()]]
    digest.update(json.dumps([data, *listing]).encode())
    return digest.hexdigest()
