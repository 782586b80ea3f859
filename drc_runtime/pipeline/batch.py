"""Batch extraction on a Ray cluster: images and videos by the million, one engine an actor, resumable (``drc run --ray``)."""

import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drc_runtime.errors import DRCError, MissingDependencyError, OutputError, SourceError, UsageError

IMAGES_EACH = 16
"""Images that an actor gets at a time: small, so that little is done again when a machine goes away."""
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})


@dataclass
class BatchReport:
    """What a batch came to."""

    items: int = 0
    """Images and videos of the source."""
    written: int = 0
    """Items whose masks were written by this call."""
    present: int = 0
    """Items whose masks were there already, from an earlier call or from a worker that went away afterwards."""
    failures: list[str] = field(default_factory=list)
    """One line for each item that could not be read."""


def run_on_ray(
    source: str,
    *,
    address: str,
    model: Path,
    masks: Path,
    soft: bool = False,
    steps: int | None = None,
    mask: str = "responsibility",
    seed: int = 0,
    engine: str = "onnxruntime",
    precision: str = "fp32",
    workers: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> BatchReport:
    """Writes the masks of every image and video of a folder, spread over a Ray cluster.

    An image ``name.jpg`` becomes ``masks/name.png``, a video ``clip.mp4`` the folder ``masks/clip`` with a PNG for each frame;
    each appears whole or not at all. What is there already is left alone, so the same call goes on where an earlier one ended.
    All machines need the source, the bundle and ``masks`` at the same paths.

    Args:
        source: a folder of images, videos, or both; images start from noise, videos are tracked.
        address: of the cluster (``auto``, ``ray://host:10001``), or ``local`` for one on this machine.
        model: bundle folder.
        masks: folder for the masks, made if need be.
        soft: masks keep the probability instead of 0 and 255.
        steps: Langevin steps for each image or frame; None takes the bundle's own numbers.
        mask: ``responsibility`` or ``mixture``.
        seed: of the Langevin noise, of each image and of each video anew.
        engine: the backend.
        precision: ``fp32`` or ``fp16``.
        workers: actors, each with an engine on one core; None takes as many as the cluster has cores.
        progress: called with the number of items done and their total.

    Raises:
        MissingDependencyError: Ray is not installed.
        SourceError: the folder holds neither images nor videos.
        UsageError: two items would get the same mask, or no such cluster.
        OutputError: the folder for the masks cannot be made.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError("--ray needs Ray Data: pip install 'drc[ray]'") from error
    items = list_items(Path(source))
    try:
        masks.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {masks}: {error.strerror}") from error
    targets = [{"path": str(path.absolute()), "target": str(masks.absolute() / target)} for path, target in items]
    report = BatchReport(items=len(targets))
    waiting = [item for item in targets if not Path(item["target"]).exists()]
    report.present = len(targets) - len(waiting)
    if not waiting:
        return report
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(address=None if address == "local" else address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError) as error:
            raise UsageError(
                f"no Ray cluster at {address}: {str(error).splitlines()[0]}; or use --ray local"
            ) from error
    try:
        options = {"model": str(Path(model).absolute()), "soft": soft, "steps": steps, "mask": mask}
        options |= {"seed": seed, "engine": engine, "precision": precision}
        for row in _results(ray, waiting, options, workers):
            if row["failure"]:
                report.failures.append(str(row["failure"]))
            elif row["written"]:
                report.written += 1
            else:
                report.present += 1
            if progress is not None:
                progress(report.written + report.present + len(report.failures), report.items)
    finally:
        if started:
            ray.shutdown()
    return report


def list_items(folder: Path) -> list[tuple[Path, str]]:
    """The images and videos of a folder, each with the name of its mask or folder of masks.

    Raises:
        SourceError: not a folder, or nothing in it.
        UsageError: two of them would get the same name.
    """
    from drc_runtime.images import IMAGE_SUFFIXES

    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder: --ray takes a folder of images or videos")
    items: list[tuple[Path, str]] = []
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        if path.name.startswith(".") or suffix not in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
            continue
        items.append((path, f"{path.stem}.png" if suffix in IMAGE_SUFFIXES else path.stem))
    if not items:
        raise SourceError(f"no images or videos in {folder}")
    taken: dict[str, Path] = {}
    for path, target in items:
        if target in taken:
            raise UsageError(f"{taken[target].name} and {path.name} would both become {target}; rename one")
        taken[target] = path
    return items


def _results(
    ray: Any, items: list[dict[str, str]], options: dict[str, Any], workers: int | None
) -> Iterator[dict[str, Any]]:
    """Rows of ``failure`` (empty if there was none) and ``written``, as they come."""
    count = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    blocks = max(-(-len(items) // IMAGES_EACH), 1)
    data = ray.data.from_items(items, override_num_blocks=blocks).map_batches(
        ExtractionActor,
        fn_constructor_kwargs=options,
        batch_size=IMAGES_EACH,
        num_cpus=1,
        # an actor whose machine goes away is started again and its batch is given out again, without end
        compute=ray.data.ActorPoolStrategy(size=min(count, blocks)),
    )
    return iter(data.iter_rows())


class ExtractionActor:
    """What each Ray actor holds: one engine, loaded once."""

    def __init__(self, model: str, soft: bool, steps: int | None, mask: str, seed: int, engine: str, precision: str):
        from drc_runtime.inference.extractor import Extractor

        self._extractor = Extractor(model, threads=1, mask=mask, seed=seed, engine=engine, precision=precision)
        self._soft, self._steps, self._seed = soft, steps, seed

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Extracts a batch of ``path`` and ``target``; an item that fails does not fail the others."""
        failures: list[str] = []
        written: list[bool] = []
        for path, target in zip(batch["path"], batch["target"], strict=True):
            failure, done = "", False
            try:
                # looked at again here: after a worker's death its batch comes back, and part of it may be done
                if not Path(target).exists():
                    self._extract(Path(path), Path(target))
                    done = True
            except DRCError as error:
                failure = f"{path}: {error}"
            failures.append(failure)
            written.append(done)
        return {"failure": failures, "written": written}

    def _extract(self, path: Path, target: Path) -> None:
        from drc_runtime.images import IMAGE_SUFFIXES, read_image, write_png

        self._extractor.sampler.reseed(self._seed)
        if path.suffix.lower() in IMAGE_SUFFIXES:
            extraction = self._extractor.extract(read_image(path), steps=self._steps)
            write_png(target, extraction.probability if self._soft else extraction.mask)
        else:
            self._extract_video(path, target)

    def _extract_video(self, path: Path, target: Path) -> None:
        from drc_runtime.sinks.png import MaskSink
        from drc_runtime.sources.files import VideoSource

        stage = target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex}.part")
        try:
            track, sink = self._extractor.track(steps=self._steps), MaskSink(stage, soft=self._soft)
            with VideoSource(path) as frames:
                for frame in frames:
                    sink.write(frame, track.step(frame.image))
                if frames.failures:
                    raise SourceError(frames.failures[0])
            os.replace(stage, target)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
