"""Masks of large folders on a Ray cluster (``drc batch``): images and videos, one engine for each actor, resumable."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drc_runtime.bundle.bundle import Bundle, read_manifest
from drc_runtime.errors import SourceError, UsageError
from drc_runtime.images import VIDEO_SUFFIXES, is_listed
from drc_runtime.inference.cold_start import check_from_noise, check_seed
from drc_runtime.outputs import check_place, claim_folder
from drc_runtime.packages import require
from drc_runtime.pipeline.batch_actor import ExtractionActor
from drc_runtime.pipeline.options import ModelOptions, OutputOptions, Progress
from drc_runtime.pipeline.resume import Job, job_settings
from drc_runtime.samples import bundle_folder

BATCH_SIZE = 16
"""Items that an actor gets at a time: few, so that little is repeated when a machine goes away."""


@dataclass
class BatchReport:
    """The result of a batch."""

    items: int = 0
    """Images and videos of the source."""
    written: int = 0
    """Items whose masks this call wrote."""
    present: int = 0
    """Items whose masks were complete, from an earlier call or from a worker that went away afterwards."""
    failures: list[str] = field(default_factory=list)
    """One line for each item that could not be read."""


def run_batch(
    source: str,
    masks: Path,
    *,
    model: ModelOptions = ModelOptions(),
    soft: bool = False,
    address: str = "local",
    workers: int | None = None,
    progress: Progress | None = None,
) -> BatchReport:
    """Writes the masks of every image and video of a folder, spread over a Ray cluster.

    An image ``name.jpg`` becomes ``masks/name.png``, a video ``clip.mp4`` the folder ``masks/clip`` with a PNG for each frame;
    each appears whole or not at all. Complete masks of the same bundle, settings and source are kept, so the same call continues
    where an earlier one ended; see ``drc_runtime.pipeline.resume``. All machines need the source, the bundle and ``masks`` at the
    same paths.

    Args:
        source: a folder of images, videos, or both. Images start from noise, videos are tracked.
        masks: folder for the masks, made if it does not exist.
        model: which model runs, and how. Each image and each video starts with the same seed.
        soft: masks keep the probability instead of 0 and 255.
        address: of the cluster (``auto``, ``ray://host:10001``), or ``local`` to start one on this machine.
        workers: actors, each with an engine on one core; None takes as many as the cluster has cores.
        progress: called with the number of items done and their total.

    Raises:
        MissingDependencyError: Ray is not installed.
        SourceError: the folder holds neither images nor videos.
        UsageError: two items would get the same mask, an option has no effect, the cluster is not found, or ``masks`` holds
            results of other settings or files that drc did not write.
        BundleError: there is no such bundle, or it is damaged.
        OutputError: the folder for the masks cannot be made.
    """
    _check(model, workers)
    bundle = bundle_folder(model.bundle or "sample").absolute()
    model = replace(model, bundle=bundle)
    if model.from_noise or model.seed is not None:
        manifest = read_manifest(bundle)
        check_from_noise(manifest, model.from_noise)
        check_seed(manifest, model.seed, model.sampling)
    if model.refine is not None and not any(is_listed(path) for path, _ in list_items(Path(source))):
        raise UsageError(f"--refine is for images, and {source} has only videos, which are tracked: leave it out")
    ray = require("ray", extra="ray", purpose="drc batch")
    require("ray.data", extra="ray", purpose="drc batch")
    items = list_items(Path(source))
    check_place("--masks", masks)
    if masks.exists() and masks.samefile(source):
        raise UsageError(f"--masks {masks} is where the images are read from; choose another folder")
    settings = job_settings("batch", Path(bundle), model, OutputOptions(masks=masks, soft=soft))
    Bundle.load(bundle)
    job = Job(settings, resumed=True)
    with claim_folder("--masks", masks, overwrite=True) as claim:
        job.check([masks], [target for _, target in items], "drc batch")
        report = BatchReport(items=len(items))
        waiting = []
        for path, target in items:
            if not job.is_done(path, target):
                waiting.append({"path": str(path.absolute()), "target": str(masks.absolute() / target)})
        report.present = len(items) - len(waiting)
        if not waiting:
            return report
        job.begin(claim)
        with _cluster(ray, address):
            for row in _results(ray, waiting, {"model": model, "soft": soft, "job": job}, workers):
                if row["failure"]:
                    report.failures.append(str(row["failure"]))
                elif row["written"]:
                    report.written += 1
                else:
                    report.present += 1
                if progress is not None:
                    progress(report.written + report.present + len(report.failures), report.items)
    return report


def list_items(folder: Path) -> list[tuple[Path, str]]:
    """The images and videos of a folder, each with the name of its mask or folder of masks.

    Raises:
        SourceError: it is not a folder, or holds neither images nor videos.
        UsageError: two items would get the same name.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder: drc batch takes a folder of images or videos")
    items: list[tuple[Path, str]] = []
    for path in sorted(folder.iterdir()):
        image = is_listed(path)
        if path.name.startswith(".") or not (image or path.suffix.lower() in VIDEO_SUFFIXES):
            continue
        items.append((path, f"{path.stem}.png" if image else path.stem))
    if not items:
        raise SourceError(f"no images or videos in {folder}")
    taken: dict[str, Path] = {}
    for path, target in items:
        if target in taken:
            raise UsageError(f"{taken[target].name} and {path.name} would both become {target}; rename one")
        taken[target] = path
    return items


def _check(model: ModelOptions, workers: int | None) -> None:
    if model.rate is not None:
        raise UsageError("--fps has no effect in drc batch, which drops no frame: set --steps")
    if model.threads is not None:
        raise UsageError("--threads has no effect in drc batch, whose workers have one core each: set --workers")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers} is too few; use 1 or more")


@contextmanager
def _cluster(ray: Any, address: str) -> Iterator[None]:
    """A connection to the cluster; one that the caller has made is used and left open."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=None if address == "local" else address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"no Ray cluster at {address}: {reason}; start one, or use the address local") from error
    try:
        yield
    finally:
        ray.shutdown()


def _results(
    ray: Any, items: list[dict[str, str]], arguments: dict[str, Any], workers: int | None
) -> Iterator[dict[str, Any]]:
    """Rows of ``failure`` (empty if there was none) and ``written``, in the order in which they are done."""
    count = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    blocks = max(-(-len(items) // BATCH_SIZE), 1)
    data = ray.data.from_items(items, override_num_blocks=blocks).map_batches(
        ExtractionActor,
        fn_constructor_kwargs=arguments,
        batch_size=BATCH_SIZE,
        num_cpus=1,
        # Ray restarts an actor whose machine goes away and repeats its batch, without a limit.
        compute=ray.data.ActorPoolStrategy(size=min(count, blocks)),
    )
    return iter(data.iter_rows())
