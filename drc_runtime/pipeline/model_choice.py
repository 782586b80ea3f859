"""Which model a run takes when the user names none, and what is known of the source from earlier runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drc_runtime.errors import DRCError
from drc_runtime.pipeline.learned import default_folder, load_background, newest_model, save_background
from drc_runtime.pipeline.options import LearnOptions, Notice
from drc_runtime.samples import FIXED_CAMERA, bundle_folder, sample_bundle

if TYPE_CHECKING:
    from drc_runtime.bundle.manifest import Manifest
    from drc_runtime.camera.fixed_camera import FixedCamera
    from drc_runtime.engines.protocol import Array

SAVED_AFTER = 60.0
"""Seconds: a background that was seen for less is not kept."""


@dataclass(frozen=True)
class ModelChoice:
    """The model of a run, and where earlier runs have kept what they learned of its source."""

    bundle: Path
    why: str | None = None
    """A line for the user; None if the user named the model."""
    folder: Path | None = None
    """None if nothing is kept of this source."""

    def background(self, manifest: "Manifest", notice: Notice) -> "Array | None":
        """The background that was learned earlier, for a model of any fixed camera; None if there is none that can be read."""
        if self.folder is None or manifest.background != "input":
            return None
        try:
            return load_background(self.folder, manifest.image_size)
        except DRCError as error:
            notice(f"the background that was learned earlier is left out: {error}")
            return None

    def keep_background(self, camera: "FixedCamera | None", notice: Notice) -> None:
        """Keeps the camera's background beside what was learned of it; where nothing was learned, nothing is written."""
        if camera is None or self.folder is None or not self.folder.is_dir() or camera.background.seconds < SAVED_AFTER:
            return
        try:
            save_background(self.folder, camera.background.image)
        except DRCError as error:
            notice(f"the background is not kept: {error}")


def choose_model(source: str, bundle: Path | str | None, learn: LearnOptions | None) -> ModelChoice:
    """The bundle that the user named; else that of a sample, the newest that was learned of the source, or the general one.

    Args:
        source: see ``open_source``.
        bundle: from ``--model``.
        learn: names the folder where a model is learned.
    """
    if bundle is not None:
        return ModelChoice(bundle_folder(bundle))
    if is_sample(source) and learn is None:
        return ModelChoice(sample_bundle(source.partition(":")[2] or "scene"))
    if source == "-":
        return ModelChoice(sample_bundle(FIXED_CAMERA), f"model: {FIXED_CAMERA}, for any fixed camera")
    folder = default_folder(source) if learn is None or learn.keep is None else learn.keep
    newest = newest_model(folder)
    if newest is not None:
        why = f"model: {newest}, the newest that was learned from this source; --model {FIXED_CAMERA} takes the general one"
        return ModelChoice(newest, why, folder)
    hint = "; --learn 10m learns one of this camera" if learn is None else ""
    return ModelChoice(sample_bundle(FIXED_CAMERA), f"model: {FIXED_CAMERA}, for any fixed camera{hint}", folder)


def is_sample(source: str) -> bool:
    """Whether a source is a bundled sample."""
    return source.partition(":")[0] == "sample"
