"""Writes the static folder of ``drc web``: page, runtime in JavaScript, bundle, onnxruntime-web."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from drc_runtime.atomic import atomic_folder, write_synced
from drc_runtime.browser.onnxruntime_web import onnxruntime_web
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import INITIAL_LATENT, MANIFEST
from drc_runtime.errors import OutputError
from drc_runtime.outputs import NOT_OURS, check_replaced_folder
from drc_runtime.samples import SAMPLES, bundle_folder, sample_bundle, sample_path
from drc_runtime.sinks.web.app import ICON, PAGE

SOURCES = Path(__file__).with_name("site")
INVENTORY = "files.json"
"""Lists every other file of the folder with its SHA-256: by it a folder is known as ours before it is replaced."""
USED_GRAPHS = ("posterior_step", INITIAL_LATENT)
HEADERS = """/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
"""
"""For static hosts that read a file ``_headers``: with these a page may have threads."""


@dataclass(frozen=True)
class SiteReport:
    """What ``write_site`` wrote."""

    folder: Path
    name: str
    """Of the model."""
    bytes: dict[str, int]
    """Size of each file, by its path in the folder."""


def write_site(bundle: Path | str, folder: Path, *, overwrite: bool = False, archive: Path | None = None) -> SiteReport:
    """Writes a folder that any static host can serve; after an error ``folder`` is as it was before.

    Args:
        bundle: a bundle's folder, or the name of a sample, whose clip is added to the page.
        folder: the new folder; its parent must exist.
        overwrite: replace a folder that holds nothing but what this function wrote.
        archive: the package of onnxruntime-web; None: npm fetches it.

    Raises:
        BundleError: the bundle is damaged.
        OutputError: ``folder`` exists, holds other files, or cannot be written.
        UsageError: ``archive`` is not the pinned package.
        MissingDependencyError: npm is missing or cannot fetch the package.
    """
    loaded = Bundle.load(bundle)
    _check_folder(folder, overwrite)
    files = _page() | _bundle(loaded) | {"_headers": HEADERS.encode()}
    files |= {f"onnxruntime-web/{name}": data for name, data in onnxruntime_web(archive).items()}
    clip = next((sample_path(it) for it in SAMPLES if bundle_folder(bundle) == sample_bundle(it)), None)
    if clip is not None:
        files["clip.mp4"] = clip.read_bytes()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    files[INVENTORY] = (json.dumps({"written_by": "drc web", "files": hashes}, indent=2) + "\n").encode()
    with atomic_folder(folder) as temporary:
        for name, data in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_synced(path, data)
    return SiteReport(folder, loaded.manifest.name, {name: len(data) for name, data in sorted(files.items())})


def _page() -> dict[str, bytes]:
    sources = (path for path in sorted(SOURCES.iterdir()) if path.suffix in (".html", ".js", ".css"))
    files = {path.name: path.read_bytes() for path in sources}
    style = re.search(r"<style>(.*?)</style>", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert style is not None, "the page of --serve has its style inside"
    return files | {"look.css": style[1].lstrip().encode(), "icon.svg": ICON.read_bytes()}


def _bundle(bundle: Bundle) -> dict[str, bytes]:
    """The bundle with the graphs that the page runs; it stays one that ``drc info`` calls intact."""
    values = json.loads((bundle.folder / MANIFEST).read_text(encoding="utf-8"))
    values["graphs"] = {name: entry for name, entry in values["graphs"].items() if name in USED_GRAPHS}
    values.pop("torchscript", None)
    files = {f"bundle/{bundle.manifest.graphs[name].file}": bundle.graph_bytes(name) for name in values["graphs"]}
    return files | {f"bundle/{MANIFEST}": (json.dumps(values, indent=2) + "\n").encode()}


def _check_folder(folder: Path, overwrite: bool) -> None:
    if not check_replaced_folder("the page", folder, overwrite):
        return
    if foreign := _foreign_file(folder):
        raise OutputError(f"{folder} holds {foreign}, which {NOT_OURS}, so it is not overwritten; choose another place")


def _foreign_file(folder: Path) -> str | None:
    """A file of the folder that ``write_site`` did not write, or that was changed; None if there is none."""
    if folder.is_symlink() or not folder.is_dir():
        return folder.name
    try:
        known = json.loads((folder / INVENTORY).read_text(encoding="utf-8"))["files"]
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name == INVENTORY or (path.is_dir() and not path.is_symlink()):
                continue
            own = (
                name in known and not path.is_symlink() and hashlib.sha256(path.read_bytes()).hexdigest() == known[name]
            )
            if not own:
                return name
    except (OSError, ValueError, KeyError, TypeError):
        return next((path.name for path in sorted(folder.iterdir())), INVENTORY)
    return None
