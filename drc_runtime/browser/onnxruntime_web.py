"""onnxruntime-web: fetched once with npm, in one pinned version, and kept; the page then needs no other server."""

import base64
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import MissingDependencyError, UsageError

VERSION = "1.30.0"
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""SHA-512 of the package's archive, in base64, as the npm registry has it."""
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""Its files that the page loads, from ``package/dist``."""
ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
LICENSE = f"""onnxruntime-web {VERSION}, https://github.com/microsoft/onnxruntime

MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

The libraries that it is built from: https://github.com/microsoft/onnxruntime/blob/v{VERSION}/ThirdPartyNotices.txt
"""
"""Goes beside its files, because the package holds no copy of its licence."""
NPM_SECONDS = 300


def kept_archive() -> Path:
    """Where the package is kept after the first time: ``$XDG_CACHE_HOME/drc``, by default ``~/.cache/drc``."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "drc" / ARCHIVE


def onnxruntime_web(archive: Path | None = None) -> dict[str, bytes]:
    """The files of onnxruntime-web that a page needs, by name, with its licence; the archive's hash has been checked.

    Args:
        archive: the package as ``npm pack`` writes it; None: the kept one, or else npm fetches it.

    Raises:
        UsageError: ``archive`` is not this version's package.
        MissingDependencyError: npm is not installed, or cannot fetch it.
    """
    data = _fetched() if archive is None else _read(archive)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as package:
        files = {}
        for name in FILES:
            member = package.extractfile(f"package/dist/{name}")
            assert member is not None, f"the package whose hash was checked has no {name}"
            files[name] = member.read()
    return files | {"LICENSE": LICENSE.encode()}


def _read(archive: Path) -> bytes:
    try:
        data = archive.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {archive}: {error.strerror}; make it with: npm pack onnxruntime-web@{VERSION}"
        ) from error
    if not _is_pinned(data):
        raise UsageError(
            f"{archive} is not onnxruntime-web {VERSION}; make it with: npm pack onnxruntime-web@{VERSION}"
        )
    return data


def _is_pinned(data: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(data).digest()).decode() == INTEGRITY


def _fetched() -> bytes:
    kept = kept_archive()
    if kept.is_file() and _is_pinned(data := kept.read_bytes()):
        return data
    npm = shutil.which("npm")
    way_out = f"fetch it with npm pack onnxruntime-web@{VERSION}, and name the file with --onnxruntime-web"
    if npm is None:
        raise MissingDependencyError(
            f"drc web fetches onnxruntime-web with npm, which is not installed: install Node.js, or {way_out}"
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--pack-destination", folder, "--silent"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_SECONDS, cwd=folder)
        except subprocess.TimeoutExpired as error:
            raise MissingDependencyError(
                f"npm did not fetch onnxruntime-web within {NPM_SECONDS} s: {way_out}"
            ) from error
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
            raise MissingDependencyError(f"npm cannot fetch onnxruntime-web ({reason}): {way_out}")
        data = (Path(folder) / ARCHIVE).read_bytes()
    if not _is_pinned(data):
        raise MissingDependencyError(f"npm fetched another onnxruntime-web {VERSION} than the pinned one: {way_out}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.unlink(missing_ok=True)  # an incomplete one
    except OSError:
        return data  # it is fetched again the next time
    atomic_write(kept, data)
    return data
